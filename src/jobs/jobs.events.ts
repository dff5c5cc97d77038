import { defineEvent } from '../platform/events/domain-events.ts';
import { jobSchema } from './jobs.schemas.ts';

/** Without the result, which has no bound; `GET /v1/jobs/{id}` has it. */
const endedJobSchema = jobSchema.omit({ result: true }).meta({ id: 'EndedJob' });

export const jobCompleted = defineEvent({
  type: 'job.completed',
  summary: 'A job that a user started has done its work.',
  data: endedJobSchema,
  isPublic: true,
});

export const jobFailed = defineEvent({
  type: 'job.failed',
  summary: 'A job that a user started has failed for good.',
  data: endedJobSchema,
  isPublic: true,
});
