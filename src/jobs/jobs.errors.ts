import { problemsIn } from '../platform/errors/app-error.ts';
import { problems as de } from './jobs.de.ts';

const defineProblem = problemsIn({ de });

export class JobNotCancellableError extends defineProblem(
  409,
  'JOB_NOT_CANCELLABLE',
  'Job not cancellable',
  'The job has already finished. Only a queued or active job can be cancelled.',
) {}
export class JobNotRetryableError extends defineProblem(
  409,
  'JOB_NOT_RETRYABLE',
  'Job not retryable',
  'Only a failed or cancelled job can be retried, and only while no other job has its unique key. Wait until the job has finished, or start a new one.',
) {}
export class JobNotFinishedError extends defineProblem(
  409,
  'JOB_NOT_FINISHED',
  'Job not finished',
  'The job has no result yet. Wait until its status is completed.',
) {}
