import { defineEvent } from '../platform/events/domain-events.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { jobSchema } from './jobs.schemas.ts';

/** Without the result, whose size has no limit; `GET /v1/jobs/{id}` returns it. */
const endedJobSchema = jobSchema
  .omit({ result: true })
  .meta({ id: 'EndedJob' })
  .register(examples, {
    Completed: {
      id: sample.id,
      type: 'user-export',
      status: 'completed',
      progress: 100,
      attempts: 1,
      error: null,
      createdAt: sample.earlier,
      startedAt: '2026-11-28T09:30:00.420Z',
      finishedAt: sample.later,
    },
    Failed: {
      id: sample.id,
      type: 'user-export',
      status: 'failed',
      progress: 40,
      attempts: 8,
      error: { code: 'INTERNAL', message: 'The job failed unexpectedly.' },
      createdAt: sample.earlier,
      startedAt: '2026-11-28T09:30:00.420Z',
      finishedAt: sample.later,
    },
  });

export const jobCompleted = defineEvent({
  type: 'job.completed',
  summary: 'A job that a user started completed.',
  data: endedJobSchema,
  examples: ['Completed'],
  isPublic: true,
});

export const jobFailed = defineEvent({
  type: 'job.failed',
  summary: 'A job that a user started failed. It is not retried automatically.',
  data: endedJobSchema,
  examples: ['Failed'],
  isPublic: true,
});

export const jobCancelled = defineEvent({
  type: 'job.cancelled',
  summary: 'A job was cancelled.',
  data: endedJobSchema,
  isPublic: false,
});
