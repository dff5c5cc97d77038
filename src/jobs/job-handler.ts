import { SetMetadata } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import type { JobDefinition } from './job-definition.ts';
import type { Job } from './job.entity.ts';

export const JOB_HANDLER = Symbol('job handler');

/** Marks the class that does the work of one job type. List it in worker.module.ts and it runs. */
// `any`: a decorator takes definitions of every input.
// oxlint-disable-next-line typescript/no-explicit-any
export const JobHandler = (definition: JobDefinition<any>): ClassDecorator =>
  SetMetadata(JOB_HANDLER, definition);

export interface JobRunner<Input> {
  /** What it returns becomes the job's `result`, unless `ctx.complete` was called. */
  run(input: Input, ctx: JobContext): Promise<object | void>;
}

/** What a run is given besides its input. */
export interface JobContext {
  /** The row as it was when the run began. */
  readonly job: Job;
  /** Aborts on cancel, time-out, shutdown and when the run has lost its lease. */
  readonly signal: AbortSignal;
  /** Carries job id, type and the correlation id of the request that started the job. */
  readonly logger: Logger;
  /** 0 to 100; written at most once a second. */
  progress(percent: number): Promise<void>;
  /** A transaction that commits only while this run holds the job's lease: what it writes is never written twice. */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T>;
  /** Keeps how far the run got, in the transaction of what it did. */
  checkpoint(state: Checkpoint, tx: EntityManager): Promise<void>;
  /**
   * Ends the job together with its last effects, which may add to the outcome. Tried again while Postgres is away, beyond
   * the time limit of the run, so `work` does nothing but write through `tx`.
   */
  complete(outcome: JobOutcome, work?: (tx: EntityManager) => Promise<JobOutcome | void>): Promise<void>;
}

export interface Checkpoint extends Record<string, unknown> {
  /** What the job's `result` says until it is complete, and for good when it is cancelled. */
  result?: object;
  /** A file that the job fills as it goes; nobody is given it before the job is complete. */
  resultFileId?: string;
}

export interface JobOutcome {
  result?: object;
  resultFileId?: string;
}

/** Not now: the job is run again at the time given, which the handler has chosen instead of the usual pause. */
export class RescheduleJob extends Error {
  constructor(
    readonly until: Date,
    /** Whether something was tried. The handler must see to it that this comes to an end. */
    readonly isAttempt: boolean,
  ) {
    super('The job is run again later');
  }
}

/** A failure that the input causes: the job fails at once, and its owner is shown code and message. */
export class UnrecoverableJobError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
