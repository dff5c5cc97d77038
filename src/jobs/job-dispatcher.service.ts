import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { AfterCommit } from '../platform/database/after-commit.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';
import { knownJobTypes } from './job-definition.ts';

interface Waiting {
  id: string;
  type: string;
  availableAt: Date;
  /** The queue may hold an entry of an earlier time, which would keep this one out. */
  isRetry?: boolean;
}

/** A row younger than this is most likely being handed over by whoever wrote it. */
const SETTLE_SECONDS = 2;
/** A row that was handed over and still waits is offered again this often: the queue may have lost it. */
const RETRY_SECONDS = 30;
/** Work that is due later than this waits in the ledger alone. */
const LOOK_AHEAD_SECONDS = 60;
/** What one round hands over. One statement for all, since each sorts the whole backlog. */
const SWEEP_MAX = 5_000;
/** What the queue is given at a time. */
const DISPATCH_BATCH = 500;

/**
 * Brings committed rows of the ledger to the queue: at once after their transaction, and by a sweep that finds what was
 * missed (a crash in between, a queue that was down or lost its data). Offering a job twice is harmless, since the
 * queue knows it by the row's id.
 */
@Injectable()
export class JobDispatcher {
  private readonly logger = new Logger('JobDispatcher');
  private readonly committed: AfterCommit<Waiting>;

  constructor(
    private readonly db: DataSource,
    private readonly queues: QueueBackend,
    private readonly config: Config,
  ) {
    // Not awaited: the answer to the request doesn't wait for the queue, and the sweep makes up for a failure.
    this.committed = new AfterCommit(db, (jobs) => void this.dispatch(jobs));
  }

  /** Hands the job over once the transaction has committed; forgets it when that rolls back. */
  dispatchAfterCommit(tx: EntityManager, job: Waiting): void {
    this.committed.add(tx, job);
  }

  /** Best effort: a worker that finds the row cancelled leaves it alone. */
  async removeFromQueue({ id, type }: Pick<Waiting, 'id' | 'type'>): Promise<void> {
    await this.queues
      .queue(type)
      .remove(id)
      .catch(() => undefined);
  }

  /** Hands over what was missed: thousands after the queue has lost its data, never so many that the database feels it. */
  async sweep(): Promise<void> {
    const waiting = await this.claimMissed();
    if (waiting.length === 0 || (await this.dispatch(waiting))) return;
    await this.db.query(`UPDATE jobs SET dispatched_at = NULL WHERE id = ANY($1)`, [
      waiting.map(({ id }) => id),
    ]);
  }

  /**
   * SKIP LOCKED, so that the sweeps of several workers share the rows instead of waiting for each other. What was never
   * offered comes first: a long backlog that the queue knows must not keep a lost job waiting. Types of another
   * release are left to its own workers.
   */
  private async claimMissed(): Promise<Waiting[]> {
    const [rows] = await this.db.query<[Waiting[], number]>(
      `UPDATE jobs SET dispatched_at = now()
       WHERE id IN (
         SELECT id FROM jobs
         WHERE type = ANY($5) AND (
             (status = 'queued' AND available_at < now() + make_interval(secs => $1) AND created_at < now() - make_interval(secs => $2))
             OR (status = 'active' AND heartbeat_at < now() - make_interval(secs => $3))
           )
           AND (dispatched_at IS NULL OR dispatched_at < now() - make_interval(secs => $4))
         ORDER BY dispatched_at NULLS FIRST, available_at
         LIMIT ${SWEEP_MAX}
         FOR UPDATE SKIP LOCKED
       )
       RETURNING id, type, available_at AS "availableAt"`,
      [
        LOOK_AHEAD_SECONDS,
        SETTLE_SECONDS,
        2 * this.config.JOB_LEASE_SECONDS,
        this.retrySeconds(),
        knownJobTypes(),
      ],
    );
    return rows;
  }

  private retrySeconds(): number {
    return Math.min(RETRY_SECONDS, 3 * this.config.SWEEP_SECONDS);
  }

  private async dispatch(jobs: Waiting[]): Promise<boolean> {
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
        msg: 'The queue takes no jobs now; the sweep will hand them over',
        jobs: jobs.length,
        err: error,
      });
      return false;
    }
  }
}

/** Ids only: what the job is about stays in the ledger. */
function toQueueJob({ id, type, availableAt }: Waiting) {
  return {
    name: type,
    data: {},
    opts: { jobId: id, delay: Math.max(0, availableAt.getTime() - Date.now()) },
  };
}
