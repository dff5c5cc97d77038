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
  /** Names of the examples of `data` that this event can have. Default: all. */
  readonly examples?: string[];
  /** Whether webhook endpoints may receive the event. Then its type and data are part of the public API. */
  readonly isPublic: boolean;
  /** Whether the event contains no personal data, so that it may be kept after the user is erased. */
  readonly outlivesUser?: boolean;
}

/** A change that other features react to. */
export interface DomainEvent<Data = unknown> {
  readonly id: string;
  readonly type: string;
  /** The user whose account or data changed. Null if there is none, as for a job that the system started. */
  readonly userId: string | null;
  readonly at: Date;
  /** Validated by the schema of the definition. */
  readonly data: Data;
  readonly outlivesUser: boolean;
}

interface Occurrence<Schema extends z.ZodType> {
  userId: string | null;
  data: z.input<Schema>;
}

type Listener = (events: DomainEvent[], tx: EntityManager) => Promise<void>;

/** The event types of all features, registered with `DomainEventsModule.forFeature`. */
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
 * How a feature reacts to a change in another feature. Listeners run in the transaction of the change: their writes
 * commit with it, and a listener that throws rolls it back.
 */
@Injectable()
export class DomainEvents {
  private readonly listeners: Listener[] = [];

  constructor(private readonly types: EventTypes) {}

  /** Calls the listener for each event of one type. */
  on<Schema extends z.ZodType>(
    { type }: EventDefinition<Schema>,
    listener: (event: DomainEvent<z.output<Schema>>, tx: EntityManager) => Promise<void>,
  ): void {
    this.listen(async (events, tx) => {
      const wanted = events.filter((event) => event.type === type) as DomainEvent<z.output<Schema>>[];
      for (const event of wanted) await listener(event, tx);
    });
  }

  /** Calls the listener for the events of all types. */
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
