import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource } from 'typeorm';
import { JobsService } from '../../jobs/jobs.service.ts';
import type { Attempt } from './webhook-claims.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { type DisableReason, disableEndpoints } from './webhook-endpoint.jobs.ts';
import { WebhookMetrics } from './webhook-metrics.service.ts';
import { retryAfterMs, type WebhookResponse } from './webhook-sender.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** Delays after each failure, recommended by Standard Webhooks 1.0: about three days in total. */
const DELAYS_SECONDS = [5, 5 * MINUTE, 30 * MINUTE, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];
const JITTER = 0.2;

const FAILING_MAX_MS = 5 * 24 * HOUR * 1_000;
const HTTP_GONE = 410;

export interface AttemptOutcome extends Attempt {
  response: WebhookResponse;
}

/** Writes the outcomes of attempts to their deliveries and endpoints. */
@Injectable()
export class WebhookOutcomes {
  constructor(
    private readonly db: DataSource,
    private readonly jobs: JobsService,
    private readonly metrics: WebhookMetrics,
  ) {}

  /**
   * Writes outcomes and attempts in one statement. Resolves to those that must be written again, because a request has
   * locked their rows. Drops the outcome of an attempt whose delivery was claimed or redelivered since.
   */
  async record(outcomes: AttemptOutcome[]): Promise<AttemptOutcome[]> {
    const disabled = await this.disableFailing(outcomes);
    const rows = outcomes.map((outcome) => toRow(outcome, disabled.has(outcome.endpoint.id)));
    const locked = await this.db.query<{ id: string }[]>(RECORD, [JSON.stringify(rows)]);
    const lockedIds = new Set(locked.map(({ id }) => id));
    const isLocked = ({ delivery }: AttemptOutcome) => lockedIds.has(delivery.id);
    for (const outcome of outcomes) if (!isLocked(outcome)) this.metrics.observe(outcome.response);
    return outcomes.filter(isLocked);
  }

  /** Disables endpoints that are gone or have failed for too long. Resolves to their ids. */
  private async disableFailing(outcomes: AttemptOutcome[]): Promise<Set<string>> {
    const disabled = new Set<string>();
    for (const { endpoint, response } of outcomes) {
      if (!reasonToDisable(response, endpoint) || disabled.has(endpoint.id)) continue;
      await this.db.transaction(async (tx) => {
        // A response from the previous URL says nothing about the new one.
        const where = { id: endpoint.id, url: endpoint.url };
        // If a request has locked the endpoint, the next failure disables it.
        const lock = { mode: 'for_no_key_update', onLocked: 'skip_locked' } as const;
        const current = await tx.findOne(WebhookEndpoint, { where, lock });
        // Another attempt may have succeeded since the claim, or the owner may have enabled the endpoint again.
        const reason = current && reasonToDisable(response, current);
        if (!reason) return;
        await disableEndpoints([endpoint.id], reason, this.jobs, tx);
        disabled.add(endpoint.id);
      });
    }
    return disabled;
  }
}

function reasonToDisable(
  response: WebhookResponse,
  { failingSince }: Pick<WebhookEndpoint, 'failingSince'>,
): DisableReason | null {
  if (response.error === null) return null;
  if (response.statusCode === HTTP_GONE) return 'gone';
  const failingMs = failingSince ? Date.now() - failingSince.getTime() : 0;
  return failingMs >= FAILING_MAX_MS ? 'failing' : null;
}

function toRow({ delivery, endpoint, leaseToken, response }: AttemptOutcome, isDisabled: boolean) {
  const isSuccess = response.error === null;
  const next = isSuccess || isDisabled ? null : nextAttemptAt(response, delivery.failures + 1);
  return {
    attempt_id: randomUUIDv7(),
    delivery_id: delivery.id,
    lease_token: leaseToken,
    endpoint_id: endpoint.id,
    url: endpoint.url,
    status: isSuccess ? 'delivered' : next ? 'pending' : 'failed',
    next_attempt_at: next,
    status_code: response.statusCode,
    duration_ms: response.durationMs,
    error: response.error,
    response: response.excerpt,
  };
}

/** Null after the last attempt. A receiver that is overloaded can ask for a longer delay, not for a shorter one. */
function nextAttemptAt({ statusCode, retryAfter }: WebhookResponse, failures: number): Date | null {
  const seconds = DELAYS_SECONDS[failures - 1];
  if (seconds === undefined) return null;
  const requested = statusCode === 429 || statusCode === 503 ? retryAfterMs(retryAfter) : 0;
  const scheduled = seconds * 1_000 * (1 - JITTER + 2 * JITTER * Math.random());
  return new Date(Date.now() + Math.max(scheduled, requested));
}

/** $1 rows of `toRow` as JSON. Returns the deliveries whose rows are locked. */
const RECORD = `
  WITH outcome AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS row (
      attempt_id uuid, delivery_id uuid, lease_token uuid, endpoint_id uuid, url text, status text,
      next_attempt_at timestamptz, status_code integer, duration_ms integer, error text, response text
    )
  ), valid AS (
    SELECT outcome.* FROM outcome JOIN webhook_deliveries delivery
      ON delivery.id = delivery_id AND delivery.lease_token = outcome.lease_token
  ), unlocked AS (
    SELECT id FROM webhook_deliveries WHERE (id, lease_token) IN (SELECT delivery_id, lease_token FROM valid)
    FOR NO KEY UPDATE SKIP LOCKED
  ), written AS (
    UPDATE webhook_deliveries AS delivery SET
      status = valid.status, attempts = attempts + 1, failures = failures + (valid.error IS NOT NULL)::int,
      last_status_code = status_code, last_duration_ms = duration_ms, last_error = valid.error,
      next_attempt_at = valid.next_attempt_at, delivered_at = CASE WHEN valid.status = 'delivered' THEN now() END,
      is_ready = false, leased_until = NULL, lease_token = NULL
    FROM valid JOIN unlocked ON unlocked.id = delivery_id WHERE delivery.id = unlocked.id
    RETURNING valid.*
  ), attempt AS (
    INSERT INTO webhook_attempts (id, delivery_id, status_code, duration_ms, error, response)
    SELECT attempt_id, delivery_id, status_code, duration_ms, error, response FROM written
  ), health AS (
    -- Not if the URL has changed since. A locked endpoint is skipped: the next outcome sets its state.
    SELECT endpoint.id, bool_or(written.error IS NULL) AS is_success FROM webhook_endpoints endpoint
    JOIN written ON endpoint.id = endpoint_id AND endpoint.url = written.url GROUP BY endpoint.id
  ), changed AS (
    SELECT id FROM webhook_endpoints WHERE id IN (SELECT id FROM health)
      AND (failing_since IS NOT NULL) = (SELECT is_success FROM health WHERE health.id = webhook_endpoints.id)
    FOR NO KEY UPDATE SKIP LOCKED
  ), endpoint AS (
    UPDATE webhook_endpoints SET failing_since = CASE WHEN failing_since IS NULL THEN now() END
    FROM changed WHERE webhook_endpoints.id = changed.id
  )
  SELECT delivery_id AS id FROM valid WHERE delivery_id NOT IN (SELECT delivery_id FROM written)`;
