import { defineEvent } from '../platform/events/domain-events.ts';
import { jobSchema } from './jobs.schemas.ts';

/** Without the result, whose size has no limit; `GET /v1/jobs/{id}` returns it. */
const endedJobSchema = jobSchema.omit({ result: true }).meta({ id: 'EndedJob' });

export const jobCompleted = defineEvent({
  type: 'job.completed',
  summary: 'A job that a user started completed.',
  data: endedJobSchema,
  isPublic: true,
});

export const jobFailed = defineEvent({
  type: 'job.failed',
  summary: 'A job that a user started failed. It is not retried automatically.',
  data: endedJobSchema,
  isPublic: true,
});

export const jobCancelled = defineEvent({
  type: 'job.cancelled',
  summary: 'A job was cancelled.',
  data: endedJobSchema,
  isPublic: false,
});
