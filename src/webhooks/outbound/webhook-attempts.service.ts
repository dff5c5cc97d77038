import { Injectable, type OnModuleInit } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, In } from 'typeorm';
import type { z } from 'zod';
import { jobCancelled, jobFailed } from '../../jobs/jobs.events.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { type DomainEvent, DomainEvents } from '../../platform/events/domain-events.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { WebhookAttempt } from './webhook-attempt.entity.ts';
import { webhookDeliver } from './webhook-deliver.job.ts';
import { type DeliveryStatus, WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpointHealth } from './webhook-endpoint-health.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { takePlace, whenToLookAgain } from './webhook-places.ts';
import type { WebhookAnswer } from './webhook-sender.ts';

/** Those that were handed out a little early are not sent back. */
const EARLY_MS = 1_000;

/** Both as they were when the attempt began. */
interface Sent {
  delivery: WebhookDelivery;
  endpoint: WebhookEndpoint;
}

export type Beginning = ({ kind: 'send' } & Sent) | { kind: 'wait'; until: Date } | { kind: 'over' };

/** A failed one is tried again when its job is retried. */
const TRIED: DeliveryStatus[] = ['pending', 'failed'];

const OVER: Beginning = { kind: 'over' };

/** What one attempt means for its delivery and for its endpoint, whose row is locked while that is decided. */
@Injectable()
export class WebhookAttemptsService implements OnModuleInit {
  constructor(
    private readonly health: WebhookEndpointHealth,
    private readonly events: DomainEvents,
    private readonly jobs: JobsService,
  ) {}

  onModuleInit(): void {
    this.events.on(jobFailed, (event, tx) => this.failWithJob(event, tx));
    this.events.on(jobCancelled, (event, tx) => this.failWithJob(event, tx));
  }

  /** A job that fails without an attempt, because its worker stalled too often, delivers nothing any more. */
  private async failWithJob(
    { data: { id: jobId, type, error } }: DomainEvent<z.output<typeof jobFailed.data>>,
    tx: EntityManager,
  ): Promise<void> {
    if (type !== webhookDeliver.type) return;
    const { deliveryId } = await this.jobs.inputOf(webhookDeliver, jobId, tx);
    const lastError = error?.message ?? 'The delivery was cancelled.';
    const changes = { status: 'failed', lastError, nextAttemptAt: null, sendingUntil: null } as const;
    await tx.update(WebhookDelivery, { id: deliveryId, jobId, status: 'pending' }, changes);
  }

  /** Whether this job may send now. */
  async begin(deliveryId: string, jobId: string, tx: EntityManager): Promise<Beginning> {
    const fullUntil = await look(deliveryId, jobId, tx);
    if (fullUntil) return { kind: 'wait', until: fullUntil };
    const locked = await lock(deliveryId, jobId, tx, TRIED);
    if (!locked) return OVER;
    const { delivery, endpoint } = locked;
    const refusal = endpoint.enabled ? await ownerRefusal(locked, tx) : 'The endpoint is switched off.';
    if (refusal) {
      await fail(delivery, { lastError: refusal }, tx);
      return OVER;
    }
    // The job was taken over from a worker that died after its attempt.
    if (delivery.nextAttemptAt && delivery.nextAttemptAt.getTime() > Date.now() + EARLY_MS) {
      return { kind: 'wait', until: delivery.nextAttemptAt };
    }
    const takenUntil = await takePlace(delivery, endpoint, tx);
    if (takenUntil) return { kind: 'wait', until: takenUntil };
    return { kind: 'send', delivery, endpoint };
  }

  async succeed(
    { delivery: { id, jobId }, endpoint: asked }: Sent,
    answer: WebhookAnswer,
    tx: EntityManager,
  ): Promise<void> {
    const locked = await lock(id, jobId, tx);
    if (!locked) return;
    const { delivery, endpoint } = locked;
    if (endpoint.url === asked.url) await this.health.succeeded(endpoint, tx);
    const outcome = await record(delivery, answer, tx);
    const end = { status: 'delivered', deliveredAt: new Date(), nextAttemptAt: null } as const;
    await tx.update(WebhookDelivery, { id }, { ...outcome, ...end });
  }

  /** Resolves to whether there is another attempt: none after the last, and none where the endpoint was switched off. */
  async failed(
    { delivery: { id, jobId }, endpoint: asked }: Sent,
    answer: WebhookAnswer,
    nextAttemptAt: Date | null,
    tx: EntityManager,
  ): Promise<boolean> {
    await lockOwner(id, tx);
    const locked = await lock(id, jobId, tx);
    if (!locked) return false;
    const { delivery, endpoint } = locked;
    const outcome = await record(delivery, answer, tx);
    // An answer from the address of before says nothing about the one of now.
    const isDisabled = endpoint.url === asked.url && (await this.health.failed(endpoint, answer, tx));
    if (isDisabled || !nextAttemptAt) {
      await fail(delivery, outcome, tx);
      return false;
    }
    await tx.update(WebhookDelivery, { id }, { ...outcome, nextAttemptAt });
    return true;
  }
}

/** Before the endpoint's row is locked, for which all that wait for a place would queue. */
async function look(id: string, jobId: string, tx: EntityManager): Promise<Date | null> {
  const delivery = await tx.findOne(WebhookDelivery, {
    where: { id, jobId, status: In(TRIED) },
    relations: { endpoint: true },
  });
  return delivery?.endpoint?.enabled ? whenToLookAgain(delivery, delivery.endpoint, tx) : null;
}

/** The endpoint first, as whoever deletes it does. Null where the delivery is gone, done, or another job's by now. */
async function lock(
  deliveryId: string,
  jobId: string,
  tx: EntityManager,
  statuses: DeliveryStatus[] = ['pending'],
) {
  const found = await tx.findOneBy(WebhookDelivery, { id: deliveryId });
  const endpoint =
    found &&
    (await tx.findOne(WebhookEndpoint, {
      where: { id: found.endpointId },
      lock: { mode: 'for_no_key_update' },
    }));
  if (!endpoint) return null;
  const delivery = await tx.findOne(WebhookDelivery, {
    where: { id: deliveryId, jobId, status: In(statuses) },
    lock: { mode: 'for_no_key_update' },
  });
  return delivery && { delivery, endpoint };
}

/** Before the endpoint, as whoever deletes the account does: a notice may be about to be written for its owner. */
async function lockOwner(deliveryId: string, tx: EntityManager): Promise<void> {
  const delivery = await tx.findOne(WebhookDelivery, {
    where: { id: deliveryId },
    relations: { endpoint: true },
  });
  if (delivery?.endpoint) await lockUsers([delivery.endpoint.userId], tx);
}

async function ownerRefusal(
  { delivery, endpoint: { userId, scope } }: Sent,
  tx: EntityManager,
): Promise<string | null> {
  const [owner] = await tx.query<{ isActive: boolean; isAdmin: boolean }[]>(
    `SELECT status = 'active' AND deleted_at IS NULL AS "isActive", role = 'admin' AS "isAdmin" FROM users WHERE id = $1`,
    [userId],
  );
  if (!owner?.isActive) return 'The account is suspended.';
  const isOfOthers = scope === 'all' && delivery.subjectId !== userId;
  return isOfOthers && !owner.isAdmin ? 'Its owner is no longer an administrator.' : null;
}

async function fail(
  { id }: WebhookDelivery,
  changes: Partial<WebhookDelivery>,
  tx: EntityManager,
): Promise<void> {
  await tx.update(
    WebhookDelivery,
    { id },
    { ...changes, status: 'failed', nextAttemptAt: null, sendingUntil: null },
  );
}

/** Writes the attempt down, and gives what the delivery says of it. */
async function record(
  { id: deliveryId, attempts }: WebhookDelivery,
  { statusCode, durationMs, error, excerpt }: WebhookAnswer,
  tx: EntityManager,
): Promise<Partial<WebhookDelivery>> {
  const attempt = { id: randomUUIDv7(), deliveryId, statusCode, durationMs, error, response: excerpt };
  await tx.insert(WebhookAttempt, attempt);
  return {
    attempts: attempts + 1,
    lastStatusCode: statusCode,
    lastDurationMs: durationMs,
    lastError: error,
    sendingUntil: null,
  };
}
