import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager, Repository } from 'typeorm';
import { JobsService } from '../../jobs/jobs.service.ts';
import type { DomainEvent } from '../../platform/events/domain-events.ts';
import { ConflictError, NotFoundError } from '../../platform/errors/platform.errors.ts';
import { Paginator } from '../../platform/http/paginator.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { webhookDeliver } from './webhook-deliver.job.ts';
import { WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import type { WebhookDeliveriesQuery } from './webhook-endpoints.schemas.ts';
import { ping } from './webhooks.events.ts';

/** Receivers may refuse more (Standard Webhooks 1.0, "Payload size"). */
const PAYLOAD_MAX_BYTES = 20_000;

/** Events on their way to endpoints, and what became of them. */
@Injectable()
export class WebhookDeliveriesService {
  constructor(
    @InjectRepository(WebhookDelivery) private readonly deliveries: Repository<WebhookDelivery>,
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

  /** In the transaction of the event: its delivery is on its way if that commits, and never otherwise. */
  async add(event: DomainEvent, endpointId: string, tx: EntityManager): Promise<string> {
    const id = randomUUIDv7();
    const job = await this.jobs.enqueue(webhookDeliver, { deliveryId: id }, {}, tx);
    const delivery = {
      id,
      endpointId,
      eventId: event.id,
      eventType: event.type,
      subjectId: event.outlivesUser ? null : event.userId,
      payload: payloadOf(event),
      jobId: job.id,
      nextAttemptAt: new Date(),
    };
    await tx.insert(WebhookDelivery, delivery);
    return id;
  }

  /** An event for this endpoint alone, whatever it subscribes to. */
  ping(endpoint: WebhookEndpoint): Promise<WebhookDelivery> {
    refuseDisabled(endpoint);
    const data = ping.data.parse({ endpointId: endpoint.id });
    const { id: endpointId, userId } = endpoint;
    const event = { id: randomUUIDv7(), type: ping.type, userId, at: new Date(), data, outlivesUser: false };
    return this.deliveries.manager.transaction(async (tx) => {
      const id = await this.add(event, endpointId, tx);
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
  }

  /** Sends it once more under the same id, with all attempts before it; a job that still tries gives way to the new one. */
  async redeliver(id: string, { userId }: Principal): Promise<WebhookDelivery> {
    return this.deliveries.manager.transaction(async (tx) => {
      const delivery = await tx.findOne(WebhookDelivery, {
        where: { id, endpoint: { userId } },
        relations: { endpoint: true },
      });
      if (!delivery?.endpoint) throw new NotFoundError();
      refuseDisabled(delivery.endpoint);
      const { id: jobId } = await this.jobs.enqueue(webhookDeliver, { deliveryId: id }, {}, tx);
      await tx.update(
        WebhookDelivery,
        { id },
        { jobId, status: 'pending', nextAttemptAt: new Date(), deliveredAt: null },
      );
      return tx.findOneByOrFail(WebhookDelivery, { id });
    });
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
