import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type DomainEvent, DomainEvents, EventTypes } from '../../platform/events/domain-events.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { userDeleted } from '../../users/users.events.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

type UserEvent = DomainEvent & { userId: string };

/** Events of system jobs have no user, and are not delivered. */
const isOfUser = (event: DomainEvent): event is UserEvent => event.userId !== null;

interface Subscriber {
  id: string;
  userId: string;
  hearsAll: boolean;
  eventTypes: string[];
}

/** Turns what happens into deliveries, in the transaction in which it happens. */
@Injectable()
export class WebhookEventsService implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly deliveries: WebhookDeliveriesService,
    private readonly types: EventTypes,
  ) {}

  onModuleInit(): void {
    this.events.listen((events, tx) => this.deliver(events, tx));
  }

  private async deliver(all: DomainEvent[], tx: EntityManager): Promise<void> {
    const events = all.filter(isOfUser).filter(({ type }) => this.types.isPublic(type));
    if (events.length === 0) return;
    // The users before their endpoints: see docs/decisions/0033-lock-order-and-retries.md.
    await lockUsers(
      events.map(({ userId }) => userId),
      tx,
    );
    const subscribers = await findSubscribers(events, tx);
    const addressed = events.flatMap((event) =>
      subscribers
        .filter(
          ({ userId, hearsAll, eventTypes }) =>
            (hearsAll || userId === event.userId) && eventTypes.includes(event.type),
        )
        .map(({ id: endpointId }) => ({ event, endpointId })),
    );
    await this.deliveries.add(addressed, tx);
    const deleted = events.filter(({ type }) => type === userDeleted.type);
    // Their addresses and secrets are personal data, and nothing is sent to them any more.
    for (const { userId } of deleted) await tx.delete(WebhookEndpoint, { userId });
  }
}

/**
 * Locked against being deleted before the commit, since a delivery that is refused for want of its endpoint would take
 * the change with it. An administrator who is none any more hears of themselves alone, one who is suspended of nothing.
 */
function findSubscribers(events: UserEvent[], tx: EntityManager): Promise<Subscriber[]> {
  return tx.query<Subscriber[]>(
    `SELECT endpoint.id, endpoint.user_id AS "userId", endpoint.event_types AS "eventTypes",
       endpoint.scope = 'all' AND owner.role = 'admin' AS "hearsAll"
     FROM webhook_endpoints endpoint JOIN users owner ON owner.id = endpoint.user_id
     WHERE endpoint.enabled AND endpoint.event_types && $1 AND (endpoint.user_id = ANY($2) OR endpoint.scope = 'all')
       AND owner.status = 'active' AND owner.deleted_at IS NULL
     ORDER BY endpoint.id
     FOR KEY SHARE OF endpoint`,
    [[...new Set(events.map(({ type }) => type))], [...new Set(events.map(({ userId }) => userId))]],
  );
}
