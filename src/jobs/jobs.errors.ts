import { defineProblem } from '../platform/errors/app-error.ts';

export class JobNotCancellableError extends defineProblem(
  409,
  'JOB_NOT_CANCELLABLE',
  'The job has already ended.',
) {}
export class JobNotRetryableError extends defineProblem(
  409,
  'JOB_NOT_RETRYABLE',
  'Only a failed or cancelled job can be retried.',
) {}
export class JobNotFinishedError extends defineProblem(
  409,
  'JOB_NOT_FINISHED',
  'The job has no result yet.',
) {}
