import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import { Registry } from '../registry/registry.ts';

export interface EventDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Dotted: `user.created`. */
  readonly type: string;
  readonly summary: string;
  /** What is told, and nothing besides. Keep it bounded: an event of more than 20 KB can't be sent. */
  readonly data: Schema;
  /** True where webhook endpoints may hear of it: then type and data are a promise to their receivers. */
  readonly isPublic: boolean;
  /** True where the event tells nothing of the user that would have to be forgotten together with them. */
  readonly outlivesUser?: boolean;
}

/** Something that has happened to a user or to what is theirs. */
export interface DomainEvent {
  readonly id: string;
  readonly type: string;
  /** Whose. */
  readonly userId: string;
  readonly at: Date;
  /** As the schema of the definition gives it. */
  readonly data: unknown;
  readonly outlivesUser: boolean;
}

interface Occurrence<Schema extends z.ZodType> {
  userId: string;
  data: z.input<Schema>;
}

type Listener = (events: DomainEvent[], tx: EntityManager) => Promise<void>;

/** The event types of all features, registered with `EventsModule.forFeature`. */
@Injectable()
export class EventTypes extends Registry<EventDefinition> {
  protected keyOf({ type }: EventDefinition): string {
    return type;
  }

  isPublic(type: string): boolean {
    return this.find(type)?.isPublic ?? false;
  }
}

/** Checks the definition and infers the type of its data. */
export const defineEvent = <Schema extends z.ZodType>(
  definition: EventDefinition<Schema>,
): EventDefinition<Schema> => definition;

/**
 * Tells features of what happens in others that must not know them. Listeners write in the transaction of the change,
 * so that their effects are there if it commits and never otherwise; one that throws rolls it back.
 */
@Injectable()
export class DomainEvents {
  private readonly listeners: Listener[] = [];

  constructor(private readonly types: EventTypes) {}

  listen(listener: Listener): void {
    this.listeners.push(listener);
  }

  emit<Schema extends z.ZodType>(
    definition: EventDefinition<Schema>,
    occurrence: Occurrence<Schema>,
    tx: EntityManager,
  ): Promise<void> {
    return this.emitAll(definition, [occurrence], tx);
  }

  /** Many of one kind at once, such as the accounts of one batch of an import. */
  async emitAll<Schema extends z.ZodType>(
    { type, data: schema, outlivesUser = false }: EventDefinition<Schema>,
    occurrences: Occurrence<Schema>[],
    tx: EntityManager,
  ): Promise<void> {
    if (!this.types.find(type)) throw new Error(`The event type ${type} is not registered`);
    const at = new Date();
    const events = occurrences.map(({ userId, data }) => ({
      id: randomUUIDv7(),
      type,
      userId,
      at,
      data: schema.parse(data),
      outlivesUser,
    }));
    if (events.length === 0) return;
    for (const listener of this.listeners) await listener(events, tx);
  }
}
