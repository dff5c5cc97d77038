import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { Between, type EntityManager, type Repository } from 'typeorm';
import type { Job } from '../../jobs/job.entity.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { insertAll } from '../../platform/database/insert-all.ts';
import { ConflictError, LimitReachedError, NotFoundError } from '../../platform/errors/platform.errors.ts';
import type { DomainEvent } from '../../platform/events/domain-events.ts';
import { Paginator } from '../../platform/pagination/paginator.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { WebhookAttempt } from './webhook-attempt.entity.ts';
import { webhookDeliver } from './webhook-deliver.job.ts';
import { WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import type {
  RedeliverMany,
  WebhookAttemptsQuery,
  WebhookDeliveriesQuery,
} from './webhook-endpoints.schemas.ts';
import { ping } from './webhooks.events.ts';

/** Receivers may refuse more (Standard Webhooks 1.0, "Payload size"). */
const PAYLOAD_MAX_BYTES = 20_000;
/** In one transaction. */
const REDELIVERED_MAX = 500;

/** What is to be told, and to whom. */
interface Addressed {
  event: DomainEvent;
  endpointId: string;
}

/** Events on their way to endpoints, and what became of them. */
@Injectable()
export class WebhookDeliveriesService {
  constructor(
    @InjectRepository(WebhookDelivery) private readonly deliveries: Repository<WebhookDelivery>,
    @InjectRepository(WebhookAttempt) private readonly attempts: Repository<WebhookAttempt>,
    private readonly jobs: JobsService,
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
      sorts: { createdAt: 'createdAt' },
    });
  }

  async listAttempts(page: WebhookAttemptsQuery, id: string, { userId }: Principal) {
    if (!(await this.deliveries.existsBy({ id, endpoint: { userId } }))) throw new NotFoundError();
    const rows = this.attempts.createQueryBuilder('attempt').where({ deliveryId: id });
    const sorts = { createdAt: 'createdAt' };
    return this.paginator.page(rows, { list: `webhook-attempts:${id}`, page, filters: {}, sorts });
  }

  /** In the transaction of the event: its deliveries are on their way if that commits, and never otherwise. */
  async add(addressed: Addressed[], tx: EntityManager): Promise<string[]> {
    const ids = addressed.map(() => randomUUIDv7());
    const jobs = await this.enqueue(ids, tx);
    const deliveries = addressed.map(({ event, endpointId }, index) => ({
      id: ids[index]!,
      endpointId,
      eventId: event.id,
      eventType: event.type,
      subjectId: event.outlivesUser ? null : event.userId,
      payload: payloadOf(event),
      jobId: jobs[index]!.id,
      nextAttemptAt: new Date(),
    }));
    await insertAll(WebhookDelivery, deliveries, tx);
    return ids;
  }

  /** An event for this endpoint alone, whatever it subscribes to. */
  ping(endpoint: WebhookEndpoint, manager = this.deliveries.manager): Promise<WebhookDelivery> {
    refuseDisabled(endpoint);
    const data = ping.data.parse({ endpointId: endpoint.id });
    const { id: endpointId, userId } = endpoint;
    const event = { id: randomUUIDv7(), type: ping.type, userId, at: new Date(), data, outlivesUser: false };
    return manager.transaction(async (tx) => {
      await lockUsers([userId], tx);
      const [id] = await this.add([{ event, endpointId }], tx);
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
  }

  /** Sends it once more under the same id, with all attempts before it. */
  redeliver(id: string, { userId }: Principal, manager = this.deliveries.manager): Promise<WebhookDelivery> {
    return manager.transaction(async (tx) => {
      await lockUsers([userId], tx);
      const delivery = await tx.findOne(WebhookDelivery, {
        where: { id, endpoint: { userId } },
        relations: { endpoint: true },
      });
      if (!delivery?.endpoint) throw new NotFoundError();
      refuseDisabled(delivery.endpoint);
      await this.beginAnew([id], tx);
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
  }

  /** The same for all that have ended in one way, after an outage of the receiver; all of them or none. */
  redeliverMany(
    endpoint: WebhookEndpoint,
    { from, to, status }: RedeliverMany,
    manager = this.deliveries.manager,
  ): Promise<number> {
    refuseDisabled(endpoint);
    return manager.transaction(async (tx) => {
      const found = await tx.find(WebhookDelivery, {
        select: { id: true },
        where: { endpointId: endpoint.id, status, createdAt: Between(from, to) },
        order: { createdAt: 'ASC', id: 'ASC' },
        take: REDELIVERED_MAX + 1,
      });
      if (found.length > REDELIVERED_MAX) throw new LimitReachedError();
      await this.beginAnew(
        found.map(({ id }) => id),
        tx,
      );
      return found.length;
    });
  }

  /** Jobs that still try give way to the new ones. */
  private async beginAnew(ids: string[], tx: EntityManager): Promise<void> {
    const jobs = await this.enqueue(ids, tx);
    await tx.query(
      `UPDATE webhook_deliveries SET job_id = fresh.job_id, status = 'pending', next_attempt_at = now(), delivered_at = NULL
       FROM unnest($1::uuid[], $2::uuid[]) AS fresh (id, job_id) WHERE webhook_deliveries.id = fresh.id`,
      [ids, jobs.map(({ id }) => id)],
    );
  }

  private enqueue(ids: string[], tx: EntityManager): Promise<Job[]> {
    const inputs = ids.map((deliveryId) => ({ deliveryId }));
    return this.jobs.enqueueAll(webhookDeliver, inputs, {}, tx);
  }
}

function refuseDisabled({ enabled }: WebhookEndpoint): void {
  if (!enabled) throw new ConflictError({ detail: 'The endpoint is switched off.' });
}

function payloadOf({ type, at, data }: DomainEvent): string {
  const payload = JSON.stringify({ type, timestamp: at.toISOString(), data });
  // Better that the change fails than that nobody hears of it: the schema of the event lacks a bound.
  if (Buffer.byteLength(payload) > PAYLOAD_MAX_BYTES)
    throw new Error(`An event ${type} is too large to be sent`);
  return payload;
}
