import { Injectable } from '@nestjs/common';
import { Histogram } from 'prom-client';
import { DataSource } from 'typeorm';
import { DURATION_BUCKETS, Metrics } from '../../platform/metrics/metrics.service.ts';
import type { WebhookResponse } from './webhook-sender.ts';

/** A backlog is counted only up to this number, so that the cost of a long one is bounded. */
const BACKLOG_MAX = 10_000;

/** Metrics of the deliveries of all workers, read from their tables, and of the attempts of this one. */
@Injectable()
export class WebhookMetrics {
  private readonly attempts: Histogram;

  constructor(
    private readonly db: DataSource,
    metrics: Metrics,
  ) {
    this.attempts = new Histogram({
      name: 'webhook_attempt_duration_seconds',
      help: 'Attempts of this worker to deliver a webhook, and how long the receiver took.',
      labelNames: ['outcome'],
      buckets: DURATION_BUCKETS,
      registers: [metrics.registry],
    });
    metrics.gauge(
      { name: 'webhook_deliveries_waiting', help: `Deliveries that are due. Counted up to ${BACKLOG_MAX}.` },
      () => this.waiting('count(*)::int'),
    );
    metrics.gauge(
      {
        name: 'webhook_deliveries_oldest_waiting_seconds',
        help: 'How long the oldest of them has been due.',
      },
      () => this.waiting('coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8'),
    );
    metrics.gauge(
      { name: 'webhook_endpoints', help: 'Webhook endpoints by their state.', labelNames: ['state'] },
      () => this.endpoints(),
    );
  }

  observe({ error, durationMs }: WebhookResponse): void {
    this.attempts.observe({ outcome: error === null ? 'delivered' : 'failed' }, durationMs / 1_000);
  }

  private waiting(aggregate: string): Promise<{ value: number }[]> {
    return this.db.query(
      `SELECT ${aggregate} AS value FROM (
         SELECT coalesce(next_attempt_at, created_at) AS due_at FROM webhook_deliveries
         WHERE status = 'pending' AND is_ready LIMIT ${BACKLOG_MAX}) AS due`,
    );
  }

  private endpoints(): Promise<{ state: string; value: number }[]> {
    return this.db.query(
      `SELECT state, count(id)::int AS value FROM unnest(ARRAY['enabled', 'failing', 'disabled']) AS known (state)
       LEFT JOIN webhook_endpoints ON deleted_at IS NULL AND state =
         CASE WHEN NOT enabled THEN 'disabled' WHEN failing_since IS NOT NULL THEN 'failing' ELSE 'enabled' END
       GROUP BY state`,
    );
  }
}
