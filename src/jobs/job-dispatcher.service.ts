import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { AfterCommit } from '../platform/database/after-commit.ts';
import { withTimeout } from '../platform/errors/with-timeout.ts';
import { Batcher } from '../platform/process/batcher.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';
import { JobTypes } from './job-definition.ts';

interface DispatchableJob {
  id: string;
  type: string;
  availableAt: Date;
  priority: number;
  /** The queue may still hold an entry of the earlier run. It would block the new one, so it is removed first. */
  isRetry?: boolean;
}

/** A younger row is probably being dispatched by the process that wrote it. */
const SETTLE_SECONDS = 2;
/** Most jobs start within this time, so their rows need no mark. Shorter than SETTLE_SECONDS. */
const MARK_DELAY_MS = 1_000;
/** A queued row is dispatched again after this pause, because the queue may have lost it. */
const RETRY_SECONDS = 30;
/** Jobs that are due later stay in the jobs table only. */
const LOOK_AHEAD_SECONDS = 60;
/** Jobs of each kind per sweep. */
const SWEEP_MAX = 5_000;
/** A queue that hangs must not hold up later jobs. The sweep repeats dispatches that may have failed. */
const PATIENCE_MS = 5_000;
/** Jobs per call of the queue. */
const DISPATCH_BATCH = 500;

/**
 * The outbox relay: adds committed rows of the jobs table to the queue, right after their transaction. A sweep finds the
 * rows that were missed: after a crash in between, or when the queue was down or lost its data. Adding a job twice is
 * harmless, because the queue identifies it by the id of the row.
 */
@Injectable()
export class JobDispatcher {
  private readonly logger = new Logger('JobDispatcher');
  private readonly committed: AfterCommit<DispatchableJob>;
  /** Transactions that commit at about the same time share a call of the queue. */
  private readonly batches = new Batcher(async (jobs: DispatchableJob[]) => {
    const isDispatched = await withTimeout(this.dispatch(jobs), PATIENCE_MS).catch(() => false);
    if (isDispatched) this.markLater(jobs);
    return jobs.map(() => isDispatched);
  }, DISPATCH_BATCH);

  /** The ids of dispatched jobs whose rows are not marked as dispatched yet. */
  private unmarked: string[] = [];

  constructor(
    private readonly db: DataSource,
    private readonly queues: QueueBackend,
    private readonly types: JobTypes,
    private readonly config: Config,
  ) {
    // Not awaited: a response must not wait for the queue. After a failure the sweep dispatches the jobs.
    this.committed = new AfterCommit(db, (jobs) => jobs.forEach((job) => void this.batches.call(job)));
  }

  /** Does nothing if the transaction rolls back. */
  dispatchAfterCommit(tx: EntityManager, job: DispatchableJob): void {
    this.committed.add(tx, job);
  }

  /** Best effort. A worker ignores a job whose row is cancelled. */
  async removeFromQueue({ id, type }: Pick<DispatchableJob, 'id' | 'type'>): Promise<void> {
    await this.queues
      .queue(type)
      .remove(id)
      .catch(() => undefined);
  }

  /**
   * Dispatches the rows that were missed. Bounded, so that a lost queue of thousands of jobs doesn't overload Postgres. The
   * rows of paused queues are dispatched when these are resumed.
   */
  async sweep(pausedTypes: string[] = []): Promise<void> {
    const types = this.types.keys().filter((type) => !pausedTypes.includes(type));
    const waiting = await this.claimMissed(types);
    if (waiting.length === 0 || (await this.dispatch(waiting))) return;
    await this.db.query(`UPDATE jobs SET dispatched_at = NULL WHERE id = ANY($1)`, [
      waiting.map(({ id }) => id),
    ]);
  }

  /**
   * Claims rows that were never dispatched, rows that were dispatched long ago, and active rows whose worker has died. Each
   * part reads only rows that it returns, because a backlog has many others. SKIP LOCKED lets the sweeps of several
   * workers share the rows. Job types that this release doesn't know are left to workers that do.
   */
  private async claimMissed(types: string[]): Promise<DispatchableJob[]> {
    const [rows] = await this.db.query<[DispatchableJob[], number]>(
      `WITH undispatched AS (
         SELECT id FROM jobs
         WHERE status = 'queued' AND dispatched_at IS NULL AND type = ANY($5)
           AND available_at < now() + make_interval(secs => $1) AND created_at < now() - make_interval(secs => $2)
         ORDER BY available_at LIMIT ${SWEEP_MAX} FOR UPDATE SKIP LOCKED
       ), lost AS (
         SELECT id FROM jobs
         WHERE status = 'queued' AND dispatched_at < now() - make_interval(secs => $4) AND type = ANY($5)
         ORDER BY dispatched_at LIMIT ${SWEEP_MAX} FOR UPDATE SKIP LOCKED
       ), stalled AS (
         SELECT id FROM jobs
         WHERE status = 'active' AND heartbeat_at < now() - make_interval(secs => $3) AND type = ANY($5)
           AND (dispatched_at IS NULL OR dispatched_at < greatest(heartbeat_at, now() - make_interval(secs => $4)))
         LIMIT ${SWEEP_MAX} FOR UPDATE SKIP LOCKED
       )
       UPDATE jobs SET dispatched_at = greatest(now(), available_at)
       WHERE id IN (SELECT id FROM undispatched UNION ALL SELECT id FROM lost UNION ALL SELECT id FROM stalled)
       RETURNING id, type, priority, available_at AS "availableAt"`,
      [LOOK_AHEAD_SECONDS, SETTLE_SECONDS, this.config.JOB_LEASE_SECONDS / 2, this.retrySeconds(), types],
    );
    return rows;
  }

  private markLater(jobs: DispatchableJob[]): void {
    if (this.unmarked.length === 0)
      setTimeout(() => void this.markDispatched().catch(() => undefined), MARK_DELAY_MS).unref();
    this.unmarked = this.unmarked.concat(jobs.map(({ id }) => id));
  }

  /**
   * Marks the jobs that still wait, so that the sweep doesn't dispatch them again. After a crash or an error before
   * this, the sweep does, which is harmless. Changes no row that another process has marked, and skips rows that
   * workers are claiming.
   */
  private async markDispatched(): Promise<void> {
    const ids = this.unmarked;
    this.unmarked = [];
    await this.db.query(
      `UPDATE jobs SET dispatched_at = greatest(now(), available_at) WHERE id IN (
         SELECT id FROM jobs
         WHERE id = ANY($1) AND status = 'queued' AND dispatched_at IS NULL
           AND available_at < now() + make_interval(secs => $2)
         FOR UPDATE SKIP LOCKED)`,
      [ids, LOOK_AHEAD_SECONDS],
    );
  }

  private retrySeconds(): number {
    return Math.min(RETRY_SECONDS, 3 * this.config.SWEEP_SECONDS);
  }

  private async dispatch(jobs: DispatchableJob[]): Promise<boolean> {
    const byType = Map.groupBy(jobs, (job) => job.type);
    try {
      for (const job of jobs) if (job.isRetry) await this.removeFromQueue(job);
      for (const [type, ofType] of byType) {
        for (let start = 0; start < ofType.length; start += DISPATCH_BATCH) {
          const some = ofType.slice(start, start + DISPATCH_BATCH);
          await this.queues.queue(type).addBulk(some.map(toQueueJob));
        }
      }
      return true;
    } catch (error) {
      this.logger.warn({
        msg: 'Dispatching jobs failed; the sweep will retry',
        jobs: jobs.length,
        err: error,
      });
      return false;
    }
  }
}

/** The queue holds ids only. Everything else is read from the jobs table. */
function toQueueJob({ id, type, priority, availableAt }: DispatchableJob) {
  return {
    name: type,
    data: {},
    opts: { jobId: id, priority, delay: Math.max(0, availableAt.getTime() - Date.now()) },
  };
}
