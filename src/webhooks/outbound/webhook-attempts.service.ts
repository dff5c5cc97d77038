import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { MailService } from '../../mail/mail.service.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';
import { type DeliveryStatus, WebhookDelivery } from './webhook-delivery.entity.ts';
import { type DisabledReason, WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { SEND_TIMEOUT_MS, type WebhookAnswer } from './webhook-sender.ts';

/** At a time to one endpoint, over all workers: a receiver that hangs must not take every worker with it. */
const SENDING_MAX = 5;
/** To one that fails, until it answers again. */
const SENDING_WHILE_FAILING_MAX = 1;
const FAILING_DAYS_MAX = 5;
/** How long the others wait before they look again, in seconds: from, to. */
const WAIT_SECONDS = [0.2, 1] as const;
const WAIT_WHILE_FAILING_SECONDS = [5, 60] as const;
/** Those that were handed out a little early are not sent back. */
const EARLY_MS = 1_000;
/** An attempt that has not ended so long after its time limit has died with its worker. */
const SENDING_MARGIN_MS = 5_000;
const HTTP_GONE = 410;

export type Beginning =
  | { kind: 'send'; delivery: WebhookDelivery; endpoint: WebhookEndpoint }
  | { kind: 'wait'; until: Date }
  | { kind: 'over' };

const NOTICES: Record<DisabledReason, { title: string; body: string }> = {
  gone: { title: 'A webhook endpoint was switched off', body: 'Its receiver answers that it is gone.' },
  failing: { title: 'A webhook endpoint was switched off', body: 'Its receiver has failed for five days.' },
};

const OVER: Beginning = { kind: 'over' };

/** What one attempt means for its delivery and for its endpoint, whose row is locked while that is decided. */
@Injectable()
export class WebhookAttemptsService {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  /** Whether this job may send now. */
  async begin(deliveryId: string, jobId: string, tx: EntityManager): Promise<Beginning> {
    // A failed one is tried again when its job is retried.
    const locked = await lock(deliveryId, jobId, tx, ['pending', 'failed']);
    if (!locked) return OVER;
    const { delivery, endpoint } = locked;
    const refusal = endpoint.enabled ? await ownerRefusal(endpoint, tx) : 'The endpoint is switched off.';
    if (refusal) {
      await fail(delivery, { lastError: refusal }, tx);
      return OVER;
    }
    // The job was taken over from a worker that died after its attempt.
    if (delivery.nextAttemptAt && delivery.nextAttemptAt.getTime() > Date.now() + EARLY_MS) {
      return { kind: 'wait', until: delivery.nextAttemptAt };
    }
    const isFailing = endpoint.failingSince !== null;
    const places = isFailing ? SENDING_WHILE_FAILING_MAX : SENDING_MAX;
    if ((await countSending(delivery, tx)) >= places) {
      return { kind: 'wait', until: someTimeIn(isFailing ? WAIT_WHILE_FAILING_SECONDS : WAIT_SECONDS) };
    }
    const sendingUntil = new Date(Date.now() + SEND_TIMEOUT_MS + SENDING_MARGIN_MS);
    await tx.update(WebhookDelivery, { id: delivery.id }, { sendingUntil, status: 'pending' });
    return { kind: 'send', delivery, endpoint };
  }

  async succeed({ id, jobId }: WebhookDelivery, answer: WebhookAnswer, tx: EntityManager): Promise<void> {
    const locked = await lock(id, jobId, tx);
    if (!locked) return;
    const { delivery, endpoint } = locked;
    if (endpoint.failingSince) await setFailingSince(endpoint, 'NULL', tx);
    await tx.update(
      WebhookDelivery,
      { id },
      {
        ...outcome(delivery, answer),
        status: 'delivered',
        deliveredAt: new Date(),
        nextAttemptAt: null,
      },
    );
  }

  /** Resolves to whether there is another attempt: none after the last, and none where the endpoint was switched off. */
  async failed(
    { id, jobId }: WebhookDelivery,
    answer: WebhookAnswer,
    nextAttemptAt: Date | null,
    tx: EntityManager,
  ): Promise<boolean> {
    await lockOwner(id, tx);
    const locked = await lock(id, jobId, tx);
    if (!locked) return false;
    const { delivery, endpoint } = locked;
    const reason = await this.recordFailure(endpoint, answer, tx);
    if (reason) await this.disable(endpoint, reason, tx);
    if (reason || !nextAttemptAt) {
      await fail(delivery, outcome(delivery, answer), tx);
      return false;
    }
    await tx.update(WebhookDelivery, { id }, { ...outcome(delivery, answer), nextAttemptAt });
    return true;
  }

  private async recordFailure(
    endpoint: WebhookEndpoint,
    { statusCode }: WebhookAnswer,
    tx: EntityManager,
  ): Promise<DisabledReason | null> {
    if (!endpoint.enabled) return null;
    if (!endpoint.failingSince) await setFailingSince(endpoint, 'now()', tx);
    if (statusCode === HTTP_GONE) return 'gone';
    const days = endpoint.failingSince ? (Date.now() - endpoint.failingSince.getTime()) / 86_400_000 : 0;
    return days >= FAILING_DAYS_MAX ? 'failing' : null;
  }

  private async disable(
    { id, userId }: WebhookEndpoint,
    reason: DisabledReason,
    tx: EntityManager,
  ): Promise<void> {
    await tx.update(
      WebhookEndpoint,
      { id },
      { enabled: false, disabledReason: reason, version: () => 'version + 1' },
    );
    await this.notifications.notify(
      { userId, type: 'webhook-endpoint-disabled', ...NOTICES[reason], data: { endpointId: id, reason } },
      tx,
    );
    const [owner] = await tx.query<{ email: string }[]>(`SELECT email FROM users WHERE id = $1`, [userId]);
    if (owner) await this.mail.send('webhook-endpoint-disabled', { id: userId, email: owner.email }, tx);
  }
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
  await tx.query(
    `SELECT 1 FROM users WHERE id = (
       SELECT user_id FROM webhook_endpoints WHERE id = (SELECT endpoint_id FROM webhook_deliveries WHERE id = $1)
     ) FOR NO KEY UPDATE`,
    [deliveryId],
  );
}

async function ownerRefusal({ userId, scope }: WebhookEndpoint, tx: EntityManager): Promise<string | null> {
  const [owner] = await tx.query<{ isActive: boolean; isAdmin: boolean }[]>(
    `SELECT status = 'active' AND deleted_at IS NULL AS "isActive", role = 'admin' AS "isAdmin" FROM users WHERE id = $1`,
    [userId],
  );
  if (!owner?.isActive) return 'The account is suspended.';
  return scope === 'all' && !owner.isAdmin ? 'Its owner is no longer an administrator.' : null;
}

async function countSending({ id, endpointId }: WebhookDelivery, tx: EntityManager): Promise<number> {
  const [row] = await tx.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM webhook_deliveries
     WHERE endpoint_id = $1 AND id <> $2 AND sending_until > now()`,
    [endpointId, id],
  );
  return row?.count ?? 0;
}

/** In SQL, since it is no change that the resource's `updatedAt` should tell of. */
const setFailingSince = ({ id }: WebhookEndpoint, value: 'now()' | 'NULL', tx: EntityManager) =>
  tx.query(`UPDATE webhook_endpoints SET failing_since = ${value} WHERE id = $1`, [id]);

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

const outcome = (
  { attempts }: WebhookDelivery,
  { statusCode, durationMs, error, excerpt }: WebhookAnswer,
) => ({
  attempts: attempts + 1,
  lastStatusCode: statusCode,
  lastDurationMs: durationMs,
  lastError: error,
  lastResponse: excerpt,
  sendingUntil: null,
});

const someTimeIn = ([from, to]: readonly [number, number]): Date =>
  new Date(Date.now() + 1_000 * (from + (to - from) * Math.random()));
