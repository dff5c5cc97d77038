import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import { Registry } from '../registry/registry.ts';

export interface EventDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Dotted: `user.created`. */
  readonly type: string;
  readonly summary: string;
  /** The payload. Keep it small: an event over 20 KB can't be sent to a webhook endpoint. */
  readonly data: Schema;
  /** Whether webhook endpoints may receive the event. Then its type and data are part of the public API. */
  readonly isPublic: boolean;
  /** Whether the event contains no personal data, so that it may be kept after the user is erased. */
  readonly outlivesUser?: boolean;
}

/** Something that has happened to a user or to a resource of the user. */
export interface DomainEvent {
  readonly id: string;
  readonly type: string;
  /** The user whom the event is about. */
  readonly userId: string;
  readonly at: Date;
  /** Validated by the schema of the definition. */
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
 * Lets a feature react to changes in another feature that does not know it. Listeners run in the transaction of the
 * change: their writes commit or roll back with it, and a listener that throws rolls it back.
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

  /** Emits many events of one type, for example for one batch of an import. */
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
