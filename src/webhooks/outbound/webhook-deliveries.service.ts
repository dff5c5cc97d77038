import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { Between, type EntityManager, IsNull, type Repository } from 'typeorm';
import { z } from 'zod';
import { MessageBus } from '../../platform/bus/message-bus.ts';
import { loadRelated } from '../../platform/database/many-rows.ts';
import { ConflictError, LimitReachedError, NotFoundError } from '../../platform/errors/platform.errors.ts';
import { defineEvent, type DomainEvent } from '../../platform/events/domain-events.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { currentContext, currentTraceparent } from '../../platform/logging/request-context.ts';
import { examples } from '../../platform/openapi/examples.ts';
import { Paginator } from '../../platform/pagination/paginator.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { webhooksTexts } from '../webhooks.texts.ts';
import { WebhookAttempt, WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import type {
  RedeliverMany,
  WebhookAttemptsQuery,
  WebhookDeliveriesQuery,
} from './webhook-endpoints.schemas.ts';

/** Receivers may reject more (Standard Webhooks 1.0, "Payload size"). */
const PAYLOAD_MAX_BYTES = 20_000;
/** Per transaction. */
const REDELIVERED_MAX = 500;
const PENDING_PINGS_MAX = 10;
const LATEST = 5;

/** An endpoint with more pending deliveries is disabled. */
export const PENDING_MAX = 10_000;

/** The bus channel that wakes the dispatchers. */
export const DELIVERIES_CHANNEL = 'webhook-deliveries';

export const ping = defineEvent({
  type: 'ping',
  summary: 'A test event that the owner of the endpoint requested. Sent to endpoints with any event types.',
  data: z
    .object({ endpointId: z.string() })
    .meta({ id: 'Ping' })
    .register(examples, { 'Test event': { endpointId: '0199a3be-1f20-7e31-8d42-9c53ae64bf75' } }),
  isPublic: true,
});

interface AddressedEvent {
  event: DomainEvent;
  endpointId: string;
}

/** Events for endpoints, and the outcome of their deliveries. */
@Injectable()
export class WebhookDeliveriesService {
  constructor(
    @InjectRepository(WebhookDelivery) private readonly deliveries: Repository<WebhookDelivery>,
    @InjectRepository(WebhookAttempt) private readonly attempts: Repository<WebhookAttempt>,
    private readonly bus: MessageBus,
    private readonly paginator: Paginator,
  ) {}

  list({ status, ...page }: WebhookDeliveriesQuery, endpointId: string) {
    const rows = this.deliveries
      .createQueryBuilder('delivery')
      .where({ endpointId, ...(status && { status }) });
    return this.paginator.page(rows, {
      list: `webhook-deliveries:${endpointId}`,
      page,
      filters: { status },
    });
  }

  /** The latest deliveries of each endpoint. */
  loadLatest(endpointIds: string[]): Promise<Map<string, WebhookDelivery[]>> {
    const rows = this.deliveries.createQueryBuilder('delivery');
    return loadRelated(rows, {
      parent: 'endpointId',
      parentIds: endpointIds,
      sort: '-createdAt',
      limit: LATEST,
    });
  }

  async listAttempts(page: WebhookAttemptsQuery, id: string, { userId }: Principal) {
    const where = { id, endpoint: { userId, deletedAt: IsNull() } };
    if (!(await this.deliveries.existsBy(where))) throw new NotFoundError();
    const rows = this.attempts.createQueryBuilder('attempt').where({ deliveryId: id });
    return this.paginator.page(rows, { list: `webhook-attempts:${id}`, page, filters: {} });
  }

  /** Call it in the transaction of the event. A worker sends the deliveries after the commit. */
  async add(addressed: AddressedEvent[], tx: EntityManager): Promise<string[]> {
    if (addressed.length === 0) return [];
    const { correlationId, traceparent } = causeOf();
    const ids = addressed.map(() => randomUUIDv7());
    await tx.query(
      `INSERT INTO webhook_deliveries
         (id, endpoint_id, event_id, event_type, subject_id, payload, correlation_id, traceparent, next_attempt_at)
       SELECT id, endpoint_id, event_id, event_type, subject_id, payload, $7::text, $8::text, $9::timestamptz
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[])
         AS delivery (id, endpoint_id, event_id, event_type, subject_id, payload)`,
      [
        ids,
        addressed.map(({ endpointId }) => endpointId),
        addressed.map(({ event }) => event.id),
        addressed.map(({ event }) => event.type),
        addressed.map(({ event }) => (event.outlivesUser ? null : event.userId)),
        addressed.map(({ event }) => payloadOf(event)),
        correlationId,
        traceparent,
        new Date(),
      ],
    );
    this.bus.publishAfterCommit(tx, DELIVERIES_CHANNEL);
    return ids;
  }

  /** Sends a test event to this endpoint only, even if it does not subscribe to the type. */
  ping(endpoint: WebhookEndpoint, manager = this.deliveries.manager): Promise<WebhookDelivery> {
    assertEnabled(endpoint);
    const data = ping.data.parse({ endpointId: endpoint.id });
    const { id: endpointId, userId } = endpoint;
    const event = { id: randomUUIDv7(), type: ping.type, userId, at: new Date(), data, outlivesUser: false };
    return manager.transaction(async (tx) => {
      await lockUsers([userId], tx);
      const pings = { endpointId, status: 'pending', eventType: ping.type } as const;
      if ((await tx.countBy(WebhookDelivery, pings)) >= PENDING_PINGS_MAX)
        throw new LimitReachedError({
          detail: localize(webhooksTexts, (texts) => texts.pingsMax(PENDING_PINGS_MAX)),
        });
      const [id] = await this.add([{ event, endpointId }], tx);
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
  }

  /** Sends the event again with the same id and all attempts. */
  redeliver(id: string, { userId }: Principal, manager = this.deliveries.manager): Promise<WebhookDelivery> {
    return manager.transaction(async (tx) => {
      await lockUsers([userId], tx);
      const delivery = await tx.findOne(WebhookDelivery, {
        where: { id, endpoint: { userId, deletedAt: IsNull() } },
        relations: { endpoint: true },
      });
      if (!delivery?.endpoint) throw new NotFoundError();
      assertEnabled(delivery.endpoint);
      await this.restart([id], delivery.endpointId, tx);
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
  }

  /** Sends all events of a period that have this status, for example after an outage of the receiver. All or none. */
  redeliverMany(
    endpoint: WebhookEndpoint,
    { from, to, status }: RedeliverMany,
    manager = this.deliveries.manager,
  ): Promise<number> {
    assertEnabled(endpoint);
    return manager.transaction(async (tx) => {
      await lockUsers([endpoint.userId], tx);
      const found = await tx.find(WebhookDelivery, {
        select: { id: true },
        where: { endpointId: endpoint.id, status, createdAt: Between(from, to) },
        order: { createdAt: 'ASC', id: 'ASC' },
        take: REDELIVERED_MAX + 1,
      });
      if (found.length > REDELIVERED_MAX) throw new LimitReachedError();
      const ids = found.map(({ id }) => id);
      await this.restart(ids, endpoint.id, tx);
      return found.length;
    });
  }

  /** The outcome of an attempt in flight is dropped. The next attempt starts when its lease has expired. */
  private async restart(ids: string[], endpointId: string, tx: EntityManager): Promise<void> {
    const { correlationId, traceparent } = causeOf();
    await tx.query(
      `UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now(), delivered_at = NULL, failures = 0,
         is_ready = leased_until IS NULL, lease_token = NULL, correlation_id = $2, traceparent = $3
       WHERE id = ANY($1)`,
      [ids, correlationId, traceparent],
    );
    if (!(await hasRoom(endpointId, tx)))
      throw new LimitReachedError({
        detail: localize(webhooksTexts, (texts) => texts.deliveriesMax(PENDING_MAX)),
      });
    this.bus.publishAfterCommit(tx, DELIVERIES_CHANNEL);
  }
}

async function hasRoom(endpointId: string, tx: EntityManager): Promise<boolean> {
  const excess = await tx.find(WebhookDelivery, {
    select: { id: true },
    where: { endpointId, status: 'pending' },
    order: { createdAt: 'ASC', id: 'ASC' },
    skip: PENDING_MAX,
    take: 1,
  });
  return excess.length === 0;
}

function causeOf(): Pick<WebhookDelivery, 'correlationId' | 'traceparent'> {
  return {
    correlationId: currentContext()?.correlationId ?? randomUUID(),
    traceparent: currentTraceparent() ?? null,
  };
}

function assertEnabled({ enabled }: WebhookEndpoint): void {
  if (!enabled)
    throw new ConflictError({ detail: localize(webhooksTexts, (texts) => texts.endpointDisabled) });
}

function payloadOf({ type, at, data }: DomainEvent): string {
  const payload = JSON.stringify({ type, timestamp: at.toISOString(), data });
  // Fails the change instead of losing its event. The schema of the event must limit the size of its data.
  if (Buffer.byteLength(payload) > PAYLOAD_MAX_BYTES)
    throw new Error(`The event ${type} exceeds ${PAYLOAD_MAX_BYTES} bytes`);
  return payload;
}
