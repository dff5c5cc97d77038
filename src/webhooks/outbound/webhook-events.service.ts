import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager, IsNull } from 'typeorm';
import { JobsService } from '../../jobs/jobs.service.ts';
import { type PreparedQuery, prepareQuery } from '../../platform/database/prepared-query.ts';
import { type DomainEvent, DomainEvents, EventTypes } from '../../platform/events/domain-events.ts';
import { Roles } from '../../platform/security/permissions.ts';
import { lockUsersOnce } from '../../users/lock-users.ts';
import { userAccessReset, userDeleted, userSuspended } from '../../users/users.events.ts';
import { PENDING_MAX, WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { disableEndpoints, markDeleted } from './webhook-endpoint.jobs.ts';
import { webhooksReceiveAll } from './webhook-endpoints.policy.ts';

type UserEvent = DomainEvent & { userId: string };

/** Events of system jobs have no user and are not delivered. */
const isOfUser = (event: DomainEvent): event is UserEvent => event.userId !== null;

interface Subscriber {
  id: string;
  userId: string;
  receivesAll: boolean;
  eventTypes: string[];
  isFull: boolean;
}

/** Writes the deliveries of domain events, in the transaction of the event. */
@Injectable()
export class WebhookEventsService implements OnModuleInit {
  private findSubscribers!: PreparedQuery<Subscriber>;

  constructor(
    private readonly db: DataSource,
    private readonly events: DomainEvents,
    private readonly deliveries: WebhookDeliveriesService,
    private readonly types: EventTypes,
    private readonly jobs: JobsService,
    private readonly roles: Roles,
  ) {}

  onModuleInit(): void {
    this.findSubscribers = prepareFindSubscribers(this.db);
    this.events.listen((events, tx) => this.deliver(events, tx));
    this.events.on(userAccessReset, ({ data }, tx) => disableAfterReset(data.id, tx));
    this.events.on(userSuspended, ({ data }, tx) => disableAfterReset(data.id, tx));
    // URLs and secrets are personal data, and no more events are sent.
    this.events.on(userDeleted, async ({ data }, tx) => {
      await markDeleted({ userId: data.id, deletedAt: IsNull() }, this.jobs, tx);
    });
  }

  private async deliver(all: DomainEvent[], tx: EntityManager): Promise<void> {
    const events = all.filter(isOfUser).filter(({ type }) => this.types.isPublic(type));
    if (events.length === 0) return;
    const userIds = [...new Set(events.map(({ userId }) => userId))];
    // The users before their endpoints: see docs/decisions/0033-lock-order-and-retries.md.
    await lockUsersOnce(userIds, tx);
    const rolesWithAll = this.roles.namesWith(webhooksReceiveAll);
    const types = [...new Set(events.map(({ type }) => type))];
    const subscribers = await this.findSubscribers({ rolesWithAll, types, userIds }, tx);
    if (subscribers.length === 0) return;
    const addressed = events.flatMap((event) =>
      subscribers.filter((subscriber) => isSubscribed(subscriber, event)).map(({ id }) => ({ event, id })),
    );
    const full = new Set(subscribers.filter(({ isFull }) => isFull).map(({ id }) => id));
    await this.deliveries.add(
      addressed.filter(({ id }) => !full.has(id)).map(({ event, id }) => ({ event, endpointId: id })),
      tx,
    );
    const toDisable = [...new Set(addressed.map(({ id }) => id))].filter((id) => full.has(id));
    if (toDisable.length > 0) await disableEndpoints(toDisable, 'backlog', this.jobs, tx);
  }
}

const isSubscribed = ({ userId, receivesAll, eventTypes }: Subscriber, event: DomainEvent): boolean =>
  (receivesAll || userId === event.userId) && eventTypes.includes(event.type);

/**
 * Locked against deletion until the commit: a delivery without its endpoint would fail the change. Owners who lost
 * the permission receive only events about themselves, suspended users none.
 */
function prepareFindSubscribers(db: DataSource): PreparedQuery<Subscriber> {
  const query = db
    .createQueryBuilder(WebhookEndpoint, 'endpoint')
    .innerJoin('endpoint.user', 'owner')
    .select('endpoint.id', 'id')
    .addSelect('endpoint.user_id', 'userId')
    .addSelect('endpoint.event_types', 'eventTypes')
    .addSelect(`endpoint.scope = 'all' AND owner.role = ANY(:rolesWithAll)`, 'receivesAll')
    .addSelect(
      `EXISTS (SELECT FROM webhook_deliveries WHERE endpoint_id = endpoint.id AND status = 'pending' OFFSET ${PENDING_MAX - 1})`,
      'isFull',
    )
    .where('endpoint.enabled AND endpoint.deleted_at IS NULL AND endpoint.event_types && :types')
    .andWhere(`(endpoint.user_id = ANY(:userIds) OR endpoint.scope = 'all')`)
    .andWhere(`owner.status = 'active' AND owner.deleted_at IS NULL`)
    .orderBy('endpoint.id')
    .setLock('for_key_share', undefined, ['endpoint']);
  return prepareQuery(query, ['rolesWithAll', 'types', 'userIds']);
}

/**
 * Disables the endpoints of an account whose password was reset, or that was suspended: an attacker may have created
 * them to read its events. The owner can enable them again.
 */
async function disableAfterReset(userId: string, tx: EntityManager): Promise<void> {
  await tx.update(
    WebhookEndpoint,
    { userId, enabled: true },
    { enabled: false, disabledReason: 'access-reset', version: () => 'version + 1' },
  );
}
