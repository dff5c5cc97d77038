import type { Logger } from 'pino';
import type { DataSource, EntityManager } from 'typeorm';
import type { Checkpoint, JobContext, JobOutcome } from './job-handler.ts';
import type { JobListeners } from './job-listeners.service.ts';
import { JobCancelledError, JobTimeoutError, LeaseLostError } from './job-outcomes.ts';
import type { Job } from './job.entity.ts';
import { retryUntilDatabaseAnswers } from './retry-until-database-answers.ts';

const PROGRESS_INTERVAL_MS = 1_000;

/** One run of a job: the only way its handler writes to the ledger, and only while it holds the lease. */
export class JobRun implements JobContext {
  private readonly abort = new AbortController();
  private readonly lease: string;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly timeout: NodeJS.Timeout;
  private progressWrittenAt = 0;
  /** True once the handler has ended the job itself. */
  isComplete = false;

  constructor(
    private readonly db: DataSource,
    readonly job: Job,
    readonly logger: Logger,
    private readonly listeners: JobListeners,
    { lease, heartbeatMs, timeoutMs }: { lease: string; heartbeatMs: number; timeoutMs: number },
  ) {
    this.lease = lease;
    this.heartbeat = setInterval(() => void this.beat(), heartbeatMs);
    this.timeout = setTimeout(() => this.stop(new JobTimeoutError()), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  stop(reason: Error): void {
    this.abort.abort(reason);
  }

  close(): void {
    clearInterval(this.heartbeat);
    clearTimeout(this.timeout);
  }

  async progress(percent: number): Promise<void> {
    if (Date.now() - this.progressWrittenAt < PROGRESS_INTERVAL_MS) return;
    this.progressWrittenAt = Date.now();
    await this.db.query(`UPDATE jobs SET progress = $3 WHERE id = $1 AND lease = $2`, [
      this.job.id,
      this.lease,
      Math.max(0, Math.min(99, Math.floor(percent))),
    ]);
    this.listeners.publishChange(this.job);
  }

  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.db.transaction(async (tx) => {
      // Locks the row until the commit, so that whoever takes the job over waits for what is being written here.
      await this.write(tx, `heartbeat_at = now()`);
      return work(tx);
    });
  }

  async checkpoint({ result, resultFileId, ...state }: Checkpoint, tx: EntityManager): Promise<void> {
    await this.write(
      tx,
      `checkpoint = $3, result = coalesce($4::jsonb, result), result_file_id = coalesce($5, result_file_id)`,
      [JSON.stringify(state), result ? JSON.stringify(result) : null, resultFileId ?? null],
    );
  }

  async complete(
    outcome: JobOutcome,
    work?: (tx: EntityManager) => Promise<JobOutcome | void>,
  ): Promise<void> {
    const end = async (tx: EntityManager) => {
      const { result, resultFileId } = { ...outcome, ...(await work?.(tx)) };
      await this.write(
        tx,
        `status = 'completed', progress = 100, result = $3, result_file_id = $4, finished_at = now(), lease = NULL,
         error_code = NULL, error_message = NULL`,
        [result ? JSON.stringify(result) : null, resultFileId ?? null],
      );
      await this.listeners.emitOutcome({ ...this.ownership(), status: 'completed' }, tx);
    };
    // What was done outside, such as a mail, would be done again by another run: no time limit ends the wait.
    clearTimeout(this.timeout);
    await retryUntilDatabaseAnswers(() => this.transaction(end), this.signal);
    this.isComplete = true;
    this.listeners.publishChange(this.job);
  }

  /** Ends the job for good; what the last checkpoint said of its result stays. */
  async finish(
    status: 'failed' | 'cancelled',
    error: { code: string; message: string } | null,
  ): Promise<void> {
    await this.db.transaction(async (tx) => {
      await this.write(
        tx,
        `status = $3, error_code = $4, error_message = $5, finished_at = now(), lease = NULL`,
        [status, error?.code ?? null, error?.message ?? null],
      );
      await this.listeners.emitOutcome({ ...this.ownership(), status, ...(error && { error }) }, tx);
    });
    this.listeners.publishChange(this.job);
  }

  /**
   * Back into the queue, to be run at or after the given time. A run that was only interrupted counts for nothing. Losses
   * before it count no more, since it takes many in a row to tell of a job that kills its workers. A job that was
   * cancelled too late for this run to hear of it ends here, not after the pause. Resolves to the time given, unless so.
   */
  async requeue(availableAt: Date, wasInterrupted: boolean): Promise<Date | undefined> {
    const isQueued = await this.writeIf(
      'cancel_requested_at IS NULL',
      this.db.manager,
      `status = 'queued', lease = NULL, available_at = $3, dispatched_at = now(), stalls = 0,
       attempts = attempts - $4::int`,
      [availableAt, wasInterrupted ? 1 : 0],
    );
    if (!isQueued) {
      await this.finish('cancelled', null);
      return undefined;
    }
    this.listeners.publishChange(this.job);
    return availableAt;
  }

  private ownership(): Pick<Job, 'id' | 'type' | 'userId'> {
    const { id, type, userId } = this.job;
    return { id, type, userId };
  }

  private async write(tx: EntityManager, assignments: string, values: unknown[] = []): Promise<void> {
    if (!(await this.writeIf('true', tx, assignments, values))) throw new LeaseLostError();
  }

  private async writeIf(
    condition: string,
    tx: EntityManager,
    assignments: string,
    values: unknown[],
  ): Promise<boolean> {
    const [, affected] = await tx.query<[unknown, number]>(
      `UPDATE jobs SET ${assignments} WHERE id = $1 AND lease = $2 AND status = 'active' AND ${condition}`,
      [this.job.id, this.lease, ...values],
    );
    return affected > 0;
  }

  /** Says that this worker lives, and hears whether the job was cancelled or taken over. */
  private async beat(): Promise<void> {
    try {
      const [rows] = await this.db.query<[{ cancelled: boolean }[], number]>(
        `UPDATE jobs SET heartbeat_at = now() WHERE id = $1 AND lease = $2 AND status = 'active'
         RETURNING cancel_requested_at IS NOT NULL AS cancelled`,
        [this.job.id, this.lease],
      );
      if (rows.length === 0 && !this.isComplete) this.stop(new LeaseLostError());
      if (rows[0]?.cancelled) this.stop(new JobCancelledError());
    } catch (error) {
      // The database is away: the run may go on, since nothing it does counts without the lease.
      this.logger.warn({ err: error }, 'A heartbeat failed');
    }
  }
}
