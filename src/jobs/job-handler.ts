import { SetMetadata } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import type { JobDefinition } from './job-definition.ts';
import type { Job } from './job.entity.ts';

export const JOB_HANDLER = Symbol('job handler');

/** Marks the handler class of one job type. List it as a provider of the feature's worker module. */
// `any`: the decorator accepts definitions with any input.
// oxlint-disable-next-line typescript/no-explicit-any
export const JobHandler = (definition: JobDefinition<any>): ClassDecorator =>
  SetMetadata(JOB_HANDLER, definition);

export interface JobRunner<Input> {
  /** The returned object becomes the `result` of the job, unless `ctx.complete` was called. */
  run(input: Input, ctx: JobContext): Promise<object | void>;
}

/** The data and methods that a handler uses during its run. */
export interface JobContext {
  /** The row at the start of the run. */
  readonly job: Job;
  /** Aborts on cancel, timeout, shutdown and loss of the lease. */
  readonly signal: AbortSignal;
  /** Logs the job id, the type and the correlation id of the request that started the job. */
  readonly logger: Logger;
  /** 0 to 100; written at most once a second. */
  progress(percent: number): Promise<void>;
  /** Commits only while this run holds the lease, so that a second run can't write the same change again. */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>;
  /** Saves the progress in the transaction of the work itself. */
  checkpoint(state: Checkpoint, tx: EntityManager): Promise<void>;
  /**
   * Completes the job in one transaction with `work`, which may add to the outcome. Retried while Postgres is down, even
   * beyond the timeout of the run, so `work` must only write through `tx`.
   */
  complete(outcome: JobOutcome, work?: (tx: EntityManager) => Promise<JobOutcome | void>): Promise<void>;
}

export interface Checkpoint extends Record<string, unknown> {
  /** The `result` of the job until it completes. It stays if the job is cancelled. */
  result?: object;
  /** A file that the job writes step by step. It can be downloaded once the job is complete. */
  resultFileId?: string;
}

export interface JobOutcome {
  result?: object;
  resultFileId?: string;
}

/** Thrown by a handler to run the job again at `until` instead of after the usual backoff. */
export class RescheduleJob extends Error {
  constructor(
    readonly until: Date,
    /** Whether this run counts as an attempt. If not, the handler itself must stop rescheduling at some point. */
    readonly isAttempt: boolean,
  ) {
    super('The job is rescheduled');
  }
}

/** Fails the job at once, without retries. Code and message are shown to the owner. */
export class UnrecoverableJobError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
