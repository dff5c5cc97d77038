import { UnrecoverableJobError } from './job-handler.ts';

/** Another run has taken the job over, or its row is gone: this one must leave no trace. */
export class LeaseLostError extends Error {}
export class JobCancelledError extends Error {}
export class JobTimeoutError extends Error {}
export class WorkerStoppingError extends Error {}
/** Not the end at once: a newer release may have written it, and one of its workers may take the next run. */
export class InputInvalidError extends Error {}

/** What the owner is shown: words we chose, never those of a library. */
export function publicError(error: unknown): { code: string; message: string } {
  if (error instanceof UnrecoverableJobError) return { code: error.code, message: error.message };
  if (error instanceof InputInvalidError) {
    return { code: 'INPUT_INVALID', message: 'The input of the job is not valid.' };
  }
  if (error instanceof JobTimeoutError) return { code: 'TIMED_OUT', message: 'The job took too long.' };
  return { code: 'INTERNAL', message: 'The job failed on our side.' };
}
