import type { EntityManager } from 'typeorm';
import type { WebhookDelivery } from './webhook-delivery.entity.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { SEND_TIMEOUT_MS } from './webhook-sender.ts';

/** Attempts at a time, over all workers: a receiver that hangs must not take every worker with it, nor its owner with many. */
const TO_ENDPOINT_MAX = 5;
const OF_OWNER_MAX = 10;
/** Of those to receivers that fail, until they answer again. */
const FAILING_TO_ENDPOINT_MAX = 1;
const FAILING_OF_OWNER_MAX = 3;

/** How the others wait: so many seconds (from, to), or as long as lets so many of their owner look in a second. */
interface Waiting {
  from: number;
  to: number;
  looksPerSecond: number;
}
const WAITING: Waiting = { from: 0.2, to: 1, looksPerSecond: 100 };
const WAITING_FOR_FAILING: Waiting = { from: 5, to: 60, looksPerSecond: 5 };
const WAITING_COUNTED_MAX = 5_000;

/** An attempt that has not ended so long after its time limit has died with its worker. */
const SENDING_MS = SEND_TIMEOUT_MS + 5_000;

/** Attempts that are being made now. */
interface Sending {
  toEndpoint: number;
  ofOwner: number;
  /** Of the owner, to receivers that fail. */
  toFailing: number;
  /** For another job, before somebody asked for it again, or for a worker that has died. */
  isThisOne: boolean;
}

/** When to look again for a place; null where there seems to be one. Takes no lock: many look, and few find. */
export async function whenToLookAgain(
  delivery: WebhookDelivery,
  endpoint: WebhookEndpoint,
  tx: EntityManager,
): Promise<Date | null> {
  const sending = await findSending(delivery, endpoint, tx);
  const isFailing = endpoint.failingSince !== null;
  if (!sending.isThisOne && hasPlace(sending, isFailing)) return null;
  return someTimeIn(isFailing ? WAITING_FOR_FAILING : WAITING, await countDue(endpoint, tx));
}

/** Called with the rows of endpoint and delivery locked. Null where the delivery has its place now. */
export async function takePlace(
  delivery: WebhookDelivery,
  endpoint: WebhookEndpoint,
  tx: EntityManager,
): Promise<Date | null> {
  // Attempts at two endpoints of one owner would not see each other.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('webhook places of ' || $1, 0))`, [
    endpoint.userId,
  ]);
  const fullUntil = await whenToLookAgain(delivery, endpoint, tx);
  if (fullUntil) return fullUntil;
  // By the clock that it is compared with.
  await tx.query(
    `UPDATE webhook_deliveries SET status = 'pending', sending_until = now() + make_interval(secs => $2) WHERE id = $1`,
    [delivery.id, SENDING_MS / 1_000],
  );
  return null;
}

function hasPlace({ toEndpoint, ofOwner, toFailing }: Sending, isFailing: boolean): boolean {
  if (isFailing && (toEndpoint >= FAILING_TO_ENDPOINT_MAX || toFailing >= FAILING_OF_OWNER_MAX)) return false;
  return toEndpoint < TO_ENDPOINT_MAX && ofOwner < OF_OWNER_MAX;
}

async function findSending(
  { id: deliveryId }: WebhookDelivery,
  { id, userId }: WebhookEndpoint,
  tx: EntityManager,
): Promise<Sending> {
  const [row] = await tx.query<Sending[]>(
    `SELECT count(*) FILTER (WHERE endpoint.id = $1)::int AS "toEndpoint", count(*)::int AS "ofOwner",
       count(*) FILTER (WHERE endpoint.failing_since IS NOT NULL)::int AS "toFailing",
       coalesce(bool_or(delivery.id = $3), false) AS "isThisOne"
     FROM webhook_endpoints endpoint
     JOIN webhook_deliveries delivery ON delivery.endpoint_id = endpoint.id AND delivery.sending_until > now()
     WHERE endpoint.user_id = $2`,
    [id, userId, deliveryId],
  );
  return row!;
}

/** Those of the owner that wait as this one does: to receivers that fail, or to the others. */
async function countDue({ userId, failingSince }: WebhookEndpoint, tx: EntityManager): Promise<number> {
  const [row] = await tx.query<{ count: number }[]>(
    `SELECT count(*) FILTER (WHERE due_at <= now())::int AS count FROM (
       SELECT coalesce(next_attempt_at, delivery.created_at) AS due_at
       FROM webhook_endpoints endpoint JOIN webhook_deliveries delivery ON endpoint_id = endpoint.id
       WHERE endpoint.user_id = $1 AND (failing_since IS NOT NULL) = $2 AND delivery.status = 'pending'
       LIMIT ${WAITING_COUNTED_MAX}
     ) pending`,
    [userId, failingSince !== null],
  );
  return row?.count ?? 0;
}

/** The more of them wait, the longer: else a thousand before one receiver that hangs keep the workers busy with looking. */
function someTimeIn({ from, to, looksPerSecond }: Waiting, waiting: number): Date {
  const longest = Math.max(to, waiting / looksPerSecond);
  return new Date(Date.now() + 1_000 * (from + (longest - from) * Math.random()));
}
