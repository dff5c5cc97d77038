import type { EntityManager } from 'typeorm';
import { WebhookDelivery } from './webhook-delivery.entity.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { SEND_TIMEOUT_MS } from './webhook-sender.ts';

/** At a time to one endpoint, over all workers: a receiver that hangs must not take every worker with it. */
const SENDING_MAX = 5;
/** To one that fails, until it answers again. */
const SENDING_WHILE_FAILING_MAX = 1;
/** How long the others wait before they look again, in seconds: from, to. */
const WAIT_SECONDS = [0.2, 1] as const;
const WAIT_WHILE_SLOW_SECONDS = [2, 10] as const;
const WAIT_WHILE_FAILING_SECONDS = [5, 60] as const;
/** A receiver that takes longer is slow, and perhaps hangs. */
const SLOW_MS = 1_000;
/** The more of them wait, the longer: else a thousand before one receiver that hangs keep the workers busy with looking. */
const WAITING_PER_SECOND = 50;
const WAITING_COUNTED_MAX = 5_000;
/** An attempt that has not ended so long after its time limit has died with its worker. */
const SENDING_MS = SEND_TIMEOUT_MS + 5_000;

/** Called with the endpoint's row locked. Null where the delivery has its place now; else the time to look again. */
export async function takePlace(
  delivery: WebhookDelivery,
  endpoint: WebhookEndpoint,
  tx: EntityManager,
): Promise<Date | null> {
  const isFailing = endpoint.failingSince !== null;
  const sending = await findSending(delivery, tx);
  if (sending.count < (isFailing ? SENDING_WHILE_FAILING_MAX : SENDING_MAX)) {
    const sendingUntil = new Date(Date.now() + SENDING_MS);
    await tx.update(WebhookDelivery, { id: delivery.id }, { sendingUntil, status: 'pending' });
    return null;
  }
  const whileHealthy = sending.isSlow ? WAIT_WHILE_SLOW_SECONDS : WAIT_SECONDS;
  const [from, to] = isFailing ? WAIT_WHILE_FAILING_SECONDS : whileHealthy;
  const waiting = await countPending(endpoint, tx);
  return someTimeIn(from, Math.max(to, waiting / WAITING_PER_SECOND));
}

/** What else is on its way to the endpoint. */
async function findSending(
  { id, endpointId }: WebhookDelivery,
  tx: EntityManager,
): Promise<{ count: number; isSlow: boolean }> {
  const [row] = await tx.query<{ count: number; isSlow: boolean }[]>(
    `SELECT count(*)::int AS count, coalesce(min(sending_until) < now() + make_interval(secs => $3), false) AS "isSlow"
     FROM webhook_deliveries WHERE endpoint_id = $1 AND id <> $2 AND sending_until > now()`,
    [endpointId, id, (SENDING_MS - SLOW_MS) / 1_000],
  );
  return row!;
}

async function countPending({ id }: WebhookEndpoint, tx: EntityManager): Promise<number> {
  const [row] = await tx.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM (
       SELECT 1 FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'pending' LIMIT ${WAITING_COUNTED_MAX}
     ) pending`,
    [id],
  );
  return row?.count ?? 0;
}

const someTimeIn = (from: number, to: number): Date =>
  new Date(Date.now() + 1_000 * (from + (to - from) * Math.random()));
