import type { EntityManager } from 'typeorm';
import type { WebhookDelivery } from './webhook-delivery.entity.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { SEND_TIMEOUT_MS } from './webhook-sender.ts';

/** Attempts at a time, over all workers: a receiver that hangs must not take every worker with it, nor its owner with many. */
const TO_ENDPOINT_MAX = 5;
const OF_OWNER_MAX = 10;
/** Of those to receivers that fail or are slow, until they answer again, and soon. */
const HELD_UP_TO_ENDPOINT_MAX = 1;
const HELD_UP_OF_OWNER_MAX = 3;
/** A receiver that takes longer is slow, and perhaps hangs. */
export const SLOW_MS = 2_000;

/** How the others wait: so many seconds (from, to), or as long as lets so many of them look in a second. */
interface Waiting {
  from: number;
  to: number;
  looksPerSecond: number;
}
const WAITING: Waiting = { from: 0.2, to: 1, looksPerSecond: 50 };
const WAITING_FOR_SLOW: Waiting = { from: 2, to: 10, looksPerSecond: 5 };
const WAITING_FOR_FAILING: Waiting = { from: 5, to: 60, looksPerSecond: 5 };
const WAITING_COUNTED_MAX = 5_000;

/** An attempt that has not ended so long after its time limit has died with its worker. */
const SENDING_MS = SEND_TIMEOUT_MS + 5_000;

/** Attempts that are being made now; held up are those to receivers that fail, are slow, or take long this time. */
interface Sending {
  toEndpoint: number;
  ofOwner: number;
  heldUp: number;
  isEndpointSlow: boolean;
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
  const isSlow = endpoint.isSlow || sending.isEndpointSlow;
  if (!sending.isThisOne && hasPlace(sending, isFailing || isSlow)) return null;
  const whileHealthy = isSlow ? WAITING_FOR_SLOW : WAITING;
  return someTimeIn(isFailing ? WAITING_FOR_FAILING : whileHealthy, await countPending(endpoint, tx));
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

function hasPlace({ toEndpoint, ofOwner, heldUp }: Sending, isHeldUp: boolean): boolean {
  if (isHeldUp && (toEndpoint >= HELD_UP_TO_ENDPOINT_MAX || heldUp >= HELD_UP_OF_OWNER_MAX)) return false;
  return toEndpoint < TO_ENDPOINT_MAX && ofOwner < OF_OWNER_MAX;
}

async function findSending(
  { id: deliveryId }: WebhookDelivery,
  { id, userId }: WebhookEndpoint,
  tx: EntityManager,
): Promise<Sending> {
  const [row] = await tx.query<Sending[]>(
    `SELECT count(*) FILTER (WHERE endpoint.id = $1)::int AS "toEndpoint", count(*)::int AS "ofOwner",
       count(*) FILTER (WHERE takes_long OR endpoint.is_slow OR endpoint.failing_since IS NOT NULL)::int AS "heldUp",
       coalesce(bool_or(takes_long) FILTER (WHERE endpoint.id = $1), false) AS "isEndpointSlow",
       coalesce(bool_or(delivery.id = $4), false) AS "isThisOne"
     FROM webhook_endpoints endpoint
     JOIN webhook_deliveries delivery ON delivery.endpoint_id = endpoint.id AND delivery.sending_until > now(),
     LATERAL (SELECT delivery.sending_until < now() + make_interval(secs => $3) AS takes_long) attempt
     WHERE endpoint.user_id = $2`,
    [id, userId, (SENDING_MS - SLOW_MS) / 1_000, deliveryId],
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

/** The more of them wait, the longer: else a thousand before one receiver that hangs keep the workers busy with looking. */
function someTimeIn({ from, to, looksPerSecond }: Waiting, waiting: number): Date {
  const longest = Math.max(to, waiting / looksPerSecond);
  return new Date(Date.now() + 1_000 * (from + (longest - from) * Math.random()));
}
