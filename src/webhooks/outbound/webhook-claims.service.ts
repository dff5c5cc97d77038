import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { DataSource, In } from 'typeorm';
import { Roles } from '../../platform/security/permissions.ts';
import type { WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { webhooksReceiveAll } from './webhook-endpoints.policy.ts';
import { SEND_TIMEOUT_MS } from './webhook-sender.ts';

/** Limits for attempts in flight in all workers, so that one receiver that hangs, or one owner, can't use all slots. */
const PER_ENDPOINT_MAX = 5;
const PER_OWNER_MAX = 10;
/** The same for endpoints whose last attempt failed. */
const PER_FAILING_ENDPOINT_MAX = 1;
const FAILING_PER_OWNER_MAX = 3;

/** Longer than an attempt takes. Afterwards the worker is presumed dead, and another one repeats the attempt. */
const LEASE_SECONDS = SEND_TIMEOUT_MS / 1_000 + 5;

/** Rows per statement that makes deliveries ready or fails them. */
const BATCH_ROWS = 500;

type Delivery = Pick<
  WebhookDelivery,
  'id' | 'endpointId' | 'eventId' | 'subjectId' | 'payload' | 'correlationId' | 'traceparent' | 'failures'
>;

/** A claimed delivery and its endpoint. The outcome counts only with the token of this claim. */
export interface Attempt {
  delivery: Delivery;
  endpoint: WebhookEndpoint;
  leaseToken: string;
}

interface ReadyEndpoint {
  id: string;
  state: 'enabled' | 'disabled' | 'deleted';
}

/**
 * Decides which deliveries are sent now (docs/decisions/0023). Rows that a request has locked are skipped and tried
 * again later, so waiting for a lock uses up no attempt.
 */
@Injectable()
export class WebhookClaims {
  constructor(
    private readonly db: DataSource,
    private readonly roles: Roles,
  ) {}

  /** Makes deliveries ready whose next attempt is due, or whose worker died. Resolves to whether there may be more. */
  async promoteDue(): Promise<boolean> {
    const [, promoted] = await this.db.query<[unknown, number]>(
      `UPDATE webhook_deliveries SET is_ready = true, leased_until = NULL WHERE id = ANY(ARRAY(
         SELECT id FROM webhook_deliveries
         WHERE status = 'pending' AND NOT is_ready AND coalesce(leased_until, next_attempt_at) <= now()
         ORDER BY coalesce(leased_until, next_attempt_at) LIMIT ${BATCH_ROWS} FOR NO KEY UPDATE SKIP LOCKED
       ))`,
    );
    return promoted === BATCH_ROWS;
  }

  /** The next endpoints with ready deliveries. Reads one row of the index per endpoint, even if many are waiting. */
  listReadyEndpoints(afterId: string, limit: number): Promise<ReadyEndpoint[]> {
    return this.db.query(
      `WITH RECURSIVE ready (id) AS (
         (SELECT endpoint_id FROM webhook_deliveries
          WHERE status = 'pending' AND is_ready AND endpoint_id > $1 ORDER BY endpoint_id LIMIT 1)
         UNION ALL
         SELECT (SELECT endpoint_id FROM webhook_deliveries
                 WHERE status = 'pending' AND is_ready AND endpoint_id > ready.id ORDER BY endpoint_id LIMIT 1)
         FROM ready WHERE ready.id IS NOT NULL
       )
       SELECT ready.id, CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN enabled THEN 'enabled' ELSE 'disabled' END AS state
       FROM (SELECT id FROM ready WHERE id IS NOT NULL LIMIT $2) AS ready JOIN webhook_endpoints USING (id)
       ORDER BY id`,
      [afterId, limit],
    );
  }

  /** Fails ready deliveries to disabled endpoints, in batches. Resolves to whether there may be more. */
  async failReady(endpointIds: string[]): Promise<boolean> {
    const [, failed] = await this.db.query<[unknown, number]>(
      `UPDATE webhook_deliveries SET status = 'failed', last_error = 'The endpoint is disabled.', next_attempt_at = NULL
       WHERE id = ANY(ARRAY(
         SELECT id FROM webhook_deliveries WHERE endpoint_id = ANY($1) AND status = 'pending' AND is_ready
         LIMIT ${BATCH_ROWS} FOR NO KEY UPDATE SKIP LOCKED
       ))`,
      [endpointIds],
    );
    return failed === BATCH_ROWS;
  }

  /**
   * Leases up to `limit` deliveries to these endpoints, within the limits per endpoint and owner. Fair: each owner gets a
   * first one before any owner gets a second one, and the same among the endpoints of one owner.
   */
  async claim(endpointIds: string[], limit: number): Promise<Attempt[]> {
    const leaseToken = randomUUID();
    const [deliveries] = await this.db.query<[Delivery[], number]>(CLAIM, [endpointIds, limit, leaseToken]);
    if (deliveries.length === 0) return [];
    const endpoints = await this.db.manager.find(WebhookEndpoint, {
      where: { id: In([...new Set(deliveries.map(({ endpointId }) => endpointId))]) },
      relations: { user: true },
    });
    const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const attempts = deliveries.flatMap((delivery) => {
      const endpoint = byId.get(delivery.endpointId);
      // An endpoint that was deleted since the claim took its deliveries with it.
      return endpoint ? [{ delivery, endpoint, leaseToken }] : [];
    });
    const rejected = attempts.filter((attempt) => this.undeliverable(attempt) !== null);
    await this.reject(rejected);
    return attempts.filter((attempt) => !rejected.includes(attempt));
  }

  /** Gives deliveries back that were claimed but not sent. */
  async release(attempts: Attempt[]): Promise<void> {
    await this.db.query(
      `UPDATE webhook_deliveries SET is_ready = true, leased_until = NULL, lease_token = NULL
       WHERE (id, lease_token) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) AND status = 'pending'`,
      keysOf(attempts),
    );
  }

  private async reject(attempts: Attempt[]): Promise<void> {
    if (attempts.length === 0) return;
    await this.db.query(
      `UPDATE webhook_deliveries AS delivery
       SET status = 'failed', last_error = rejected.error, next_attempt_at = NULL, leased_until = NULL, lease_token = NULL
       FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS rejected (id, lease_token, error)
       WHERE delivery.id IN (
         SELECT id FROM webhook_deliveries WHERE (id, lease_token) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         FOR NO KEY UPDATE SKIP LOCKED
       ) AND delivery.id = rejected.id`,
      [...keysOf(attempts), attempts.map((attempt) => this.undeliverable(attempt))],
    );
  }

  /** Why a claimed delivery must not be sent. Null if it may be. */
  private undeliverable({ delivery, endpoint }: Attempt): string | null {
    const { user, userId, scope, enabled, deletedAt } = endpoint;
    if (!enabled || deletedAt) return 'The endpoint is disabled.';
    if (user?.status !== 'active' || user.deletedAt) return 'The account is suspended.';
    if (scope !== 'all' || delivery.subjectId === userId) return null;
    const mayReceiveAll = this.roles.permissionsOf(user.role).has(webhooksReceiveAll);
    return mayReceiveAll ? null : 'The owner may no longer receive the events of all users.';
  }
}

const keysOf = (attempts: Attempt[]): [ids: string[], leaseTokens: string[]] => [
  attempts.map(({ delivery }) => delivery.id),
  attempts.map(({ leaseToken }) => leaseToken),
];

/**
 * $1 endpoints with ready deliveries, $2 limit, $3 lease token. Concurrent claims of two workers rank the same rows, so
 * SKIP LOCKED leaves the second one with fewer rows instead of more than the limits.
 */
const CLAIM = `
  WITH candidate AS (
    -- In flight, over all workers. They come first in every rank and so use up the limits.
    SELECT NULL::uuid AS id, endpoint.id AS endpoint_id, endpoint.user_id, endpoint.failing_since IS NOT NULL AS is_failing,
      NULL::timestamptz AS next_attempt_at
    FROM webhook_deliveries delivery JOIN webhook_endpoints endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.leased_until > now()
    UNION ALL
    SELECT delivery.id, endpoint.id, endpoint.user_id, endpoint.failing_since IS NOT NULL, delivery.next_attempt_at
    FROM webhook_endpoints endpoint CROSS JOIN LATERAL (
      SELECT id, next_attempt_at FROM webhook_deliveries
      WHERE endpoint_id = endpoint.id AND status = 'pending' AND is_ready
      ORDER BY next_attempt_at, id LIMIT ${PER_ENDPOINT_MAX}
    ) AS delivery
    WHERE endpoint.id = ANY($1) AND endpoint.enabled AND endpoint.deleted_at IS NULL
  ), of_endpoint AS (
    SELECT *, row_number() OVER (PARTITION BY endpoint_id ORDER BY id IS NOT NULL, next_attempt_at, id) AS endpoint_rank
    FROM candidate
  ), of_kind AS (
    SELECT *, row_number() OVER (
      PARTITION BY user_id, is_failing ORDER BY id IS NOT NULL, endpoint_rank, next_attempt_at, id
    ) AS kind_rank
    FROM of_endpoint
    WHERE id IS NULL OR endpoint_rank <= CASE WHEN is_failing THEN ${PER_FAILING_ENDPOINT_MAX} ELSE ${PER_ENDPOINT_MAX} END
  ), of_owner AS (
    SELECT id, next_attempt_at, row_number() OVER (
      PARTITION BY user_id ORDER BY id IS NOT NULL, endpoint_rank, next_attempt_at, id
    ) AS owner_rank
    FROM of_kind WHERE id IS NULL OR NOT is_failing OR kind_rank <= ${FAILING_PER_OWNER_MAX}
  ), fair AS (
    SELECT id, owner_rank, next_attempt_at FROM of_owner WHERE id IS NOT NULL AND owner_rank <= ${PER_OWNER_MAX}
    ORDER BY owner_rank, next_attempt_at LIMIT $2
  ), claimable AS (
    SELECT delivery.id FROM webhook_deliveries delivery JOIN fair USING (id)
    WHERE delivery.status = 'pending' AND delivery.is_ready
    FOR UPDATE OF delivery SKIP LOCKED
  )
  UPDATE webhook_deliveries AS delivery
  SET is_ready = false, lease_token = $3, leased_until = now() + interval '${LEASE_SECONDS} seconds'
  FROM claimable WHERE delivery.id = claimable.id
  RETURNING delivery.id, endpoint_id AS "endpointId", event_id AS "eventId", subject_id AS "subjectId", payload,
    correlation_id AS "correlationId", traceparent, failures`;
