import { Logger as NestLogger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DataSource, EntityManager } from 'typeorm';
import { isDatabaseUnavailable, isStatementTimeout } from '../platform/database/postgres-errors.ts';
import { lockUsers } from '../users/lock-users.ts';
import type { JobChanges } from './job-changes.service.ts';
import type { JobCompletions } from './job-completions.service.ts';
import { type Checkpoint, type JobContext, type JobOutcome, UnrecoverableJobError } from './job-handler.ts';
import { type Job, JobFile } from './job.entity.ts';

const PROGRESS_INTERVAL_MS = 1_000;
const DATABASE_RETRY_MS = 500;

const databaseLogger = new NestLogger('Jobs');

/** Another run has taken over the job, or the job was deleted. This run must not write any more. */
export class LeaseLostError extends Error {}
export class JobCancelledError extends Error {}
export class JobTimeoutError extends Error {}
export class WorkerStoppingError extends Error {}
/** Retried, because a newer release may have written the input, and one of its workers may take the next run. */
export class InputInvalidError extends Error {}

/** The error that the owner of the job sees. Never the message of a library. */
export function publicError(error: unknown): { code: string; message: string } {
  if (error instanceof UnrecoverableJobError) return { code: error.code, message: error.message };
  if (error instanceof InputInvalidError) {
    return { code: 'INPUT_INVALID', message: 'The input of the job is not valid.' };
  }
  if (error instanceof JobTimeoutError) return { code: 'TIMED_OUT', message: 'The job took too long.' };
  return { code: 'INTERNAL', message: 'The job failed because of an internal error.' };
}

/** Retries while Postgres is down, until `signal` aborts. For writes that must not be lost. */
export async function retryUntilDatabaseAnswers<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await work();
    } catch (error) {
      const isDown = isDatabaseUnavailable(error) && !isStatementTimeout(error);
      if (signal.aborted || !isDown) throw error;
      if (isFirst) databaseLogger.warn({ msg: 'Postgres does not respond: a job run waits', err: error });
      await sleep(DATABASE_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Rejects when the signal aborts, even if the work ignores it. The work can then write only with the lease. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** How a run ended. `requeued`: it runs again later. `lost`: another worker has taken over the job. */
export type RunOutcome = 'completed' | 'failed' | 'cancelled' | 'requeued' | 'lost';

/** One run of a job. Its handler writes to the jobs table only through it, and only while it holds the lease. */
export class JobRun implements JobContext {
  private readonly abort = new AbortController();
  readonly lease: string;
  private readonly timeout: NodeJS.Timeout;
  private progressWrittenAt = 0;
  /** The outcome of this run. It stays `lost` if the run writes no other outcome. */
  outcome: RunOutcome = 'lost';

  constructor(
    private readonly db: DataSource,
    readonly job: Job,
    readonly logger: Logger,
    private readonly changes: JobChanges,
    private readonly completions: JobCompletions,
    { lease, timeoutMs }: { lease: string; timeoutMs: number },
  ) {
    this.lease = lease;
    this.timeout = setTimeout(() => this.stop(new JobTimeoutError()), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  stop(reason: Error): void {
    this.abort.abort(reason);
  }

  close(): void {
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
    this.changes.publish(this.job);
  }

  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.db.transaction(async (tx) => {
      // Locks the row, so that no other run can take over the job before the commit.
      await this.write(tx, `heartbeat_at = now()`);
      return work(tx);
    });
  }

  async checkpoint({ result, resultFileId, ...state }: Checkpoint, tx: EntityManager): Promise<void> {
    if (resultFileId) await this.attach(resultFileId, tx);
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
    // Another run would repeat effects outside of Postgres, such as a sent mail, so no time limit ends the wait.
    clearTimeout(this.timeout);
    const isBatched = !this.job.userId && !work && !outcome.resultFileId;
    await retryUntilDatabaseAnswers(
      () => (isBatched ? this.completeInBatch(outcome) : this.completeAlone(outcome, work)),
      this.signal,
    );
    this.outcome = 'completed';
    this.changes.publish(this.job);
  }

  private async completeInBatch({ result }: JobOutcome): Promise<void> {
    const isCompleted = await this.completions.complete({ job: this.job, lease: this.lease, result });
    if (!isCompleted) throw new LeaseLostError();
  }

  private completeAlone(
    outcome: JobOutcome,
    work?: (tx: EntityManager) => Promise<JobOutcome | void>,
  ): Promise<void> {
    return this.lockingOwner(async (tx) => {
      await this.write(tx, `heartbeat_at = now()`);
      const { result, resultFileId } = { ...outcome, ...(await work?.(tx)) };
      if (resultFileId) await this.attach(resultFileId, tx);
      await this.end(
        `status = 'completed', progress = 100, result = $3, result_file_id = $4, error_code = NULL, error_message = NULL`,
        [result ? JSON.stringify(result) : null, resultFileId ?? null],
        tx,
      );
    });
  }

  /** Ends the job. The result of the last checkpoint stays. */
  async finish(
    status: 'failed' | 'cancelled',
    error: { code: string; message: string } | null,
  ): Promise<void> {
    await this.lockingOwner((tx) =>
      this.end(
        `status = $3, error_code = $4, error_message = $5`,
        [status, error?.code ?? null, error?.message ?? null],
        tx,
      ),
    );
    this.outcome = status;
    this.changes.publish(this.job);
  }

  /**
   * Returns the job to the queue, to run at or after the given time. An interrupted run doesn't count as an attempt. Resets
   * the stalls, because only stalls in a row end a job. Cancels the job instead if that was requested. Resolves to the
   * time of the next run, if there is one.
   */
  async requeue(availableAt: Date, wasInterrupted: boolean): Promise<Date | undefined> {
    const isQueued = await this.writeIf(
      'cancel_requested_at IS NULL',
      this.db.manager,
      `status = 'queued', lease = NULL, available_at = $3, dispatched_at = greatest($3, now()), stalls = 0,
       attempts = attempts - $4::int`,
      [availableAt, wasInterrupted ? 1 : 0],
    );
    if (!isQueued) {
      await this.finish('cancelled', null);
      return undefined;
    }
    this.outcome = 'requeued';
    this.changes.publish(this.job);
    return availableAt;
  }

  /** A transaction that ends the job. Its listeners may change the owner's row, which is locked before the job. */
  private lockingOwner(work: (tx: EntityManager) => Promise<void>): Promise<void> {
    return this.db.transaction(async (tx) => {
      if (this.job.userId) await lockUsers([this.job.userId], tx);
      await work(tx);
    });
  }

  /** Deletes the file with the job. */
  private async attach(fileId: string, tx: EntityManager): Promise<void> {
    await tx.update(JobFile, { id: fileId }, { jobId: this.job.id });
  }

  private async end(assignments: string, values: unknown[], tx: EntityManager): Promise<void> {
    const [[ended]] = await tx.query<[Partial<Job>[], number]>(
      `UPDATE jobs SET ${assignments}, finished_at = now(), lease = NULL
       WHERE id = $1 AND lease = $2 AND status = 'active'
       RETURNING status, progress, error_code AS "errorCode", error_message AS "errorMessage", finished_at AS "finishedAt"`,
      [this.job.id, this.lease, ...values],
    );
    if (!ended) throw new LeaseLostError();
    await this.changes.emitEnds([{ ...this.job, ...ended }], tx);
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
}
