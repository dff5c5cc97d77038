import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { DataSource } from 'typeorm';
import { Metrics } from '../platform/metrics/metrics.service.ts';
import { JobTypes } from './job-definition.ts';
import { JobWorkerService } from './job-worker.service.ts';

/** A backlog is counted only up to this number, so that the cost of a long one is bounded. */
const BACKLOG_MAX = 10_000;
/** All gauges of one scrape share one reading. So do the scrapes of a second Prometheus. */
const READ_AGAIN_MS = 5_000;
const RUN_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800];

interface Backlog {
  type: string;
  waiting: number;
  oldestSeconds: number;
  active: number;
}

/** Metrics of the queues, read from the jobs table, and of the runs of this worker. */
@Injectable()
export class JobMetrics {
  private readonly runs: Counter;
  private readonly durations: Histogram;
  private last?: { at: number; backlogs: Promise<Backlog[]> };

  constructor(
    private readonly db: DataSource,
    private readonly types: JobTypes,
    worker: JobWorkerService,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.runs = new Counter({
      name: 'job_runs_total',
      help: 'Runs that ended in this worker.',
      labelNames: ['type', 'outcome'],
      registers,
    });
    this.durations = new Histogram({
      name: 'job_run_duration_seconds',
      help: 'Duration of the runs of this worker.',
      labelNames: ['type'],
      buckets: RUN_BUCKETS,
      registers,
    });
    worker.onRunEnd(({ type, outcome, milliseconds }) => {
      this.runs.inc({ type, outcome });
      this.durations.observe({ type }, milliseconds / 1_000);
    });
    const gauges = [
      ['jobs_waiting', `Jobs that are due and not running. Counted up to ${BACKLOG_MAX}.`, 'waiting'],
      ['jobs_oldest_waiting_seconds', 'How long the oldest of them has been due.', 'oldestSeconds'],
      ['jobs_active', 'Jobs that run, in all workers.', 'active'],
    ] as const;
    for (const [name, help, field] of gauges) {
      metrics.gauge({ name, help, labelNames: ['type'] }, async () =>
        (await this.backlogs()).map(({ type, [field]: value }) => ({ type, value })),
      );
    }
    metrics.gauge(
      {
        name: 'jobs_undispatched_oldest_seconds',
        help: 'How long the oldest due job has waited for its dispatch to the queue.',
      },
      () => this.undispatched(),
    );
  }

  private backlogs(): Promise<Backlog[]> {
    if (!this.last || performance.now() - this.last.at > READ_AGAIN_MS) {
      this.last = { at: performance.now(), backlogs: this.read() };
    }
    return this.last.backlogs;
  }

  private read(): Promise<Backlog[]> {
    return this.db.query<Backlog[]>(
      `SELECT known.type, waiting, "oldestSeconds", active
       FROM unnest($1::text[]) AS known (type), LATERAL (
         SELECT count(*)::int AS waiting, coalesce(extract(epoch FROM now() - min(available_at)), 0)::float8 AS "oldestSeconds"
         FROM (SELECT available_at FROM jobs WHERE jobs.type = known.type AND status = 'queued' AND available_at <= now()
               LIMIT ${BACKLOG_MAX}) AS due
       ) AS queued, LATERAL (
         SELECT count(*)::int AS active
         FROM (SELECT FROM jobs WHERE jobs.type = known.type AND status = 'active' LIMIT ${BACKLOG_MAX}) AS running
       ) AS active`,
      [this.types.keys()],
    );
  }

  private undispatched(): Promise<{ value: number }[]> {
    return this.db.query(
      `SELECT coalesce(extract(epoch FROM now() - min(available_at)), 0)::float8 AS value
       FROM jobs WHERE status = 'queued' AND dispatched_at IS NULL AND available_at <= now()`,
    );
  }
}
