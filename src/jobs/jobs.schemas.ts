import { z } from 'zod';
import {
  idSchema,
  instantSchema,
  pageQuery,
  text,
  timestampSchema,
  TOTAL_MAX,
} from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { jobStatuses, type Job } from './job.entity.ts';

const queuedExample = {
  id: sample.id,
  type: 'user-export',
  status: 'queued' as const,
  progress: 0,
  attempts: 0,
  result: null,
  error: null,
  createdAt: sample.earlier,
  startedAt: null,
  finishedAt: null,
};

export const jobSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    status: z.enum(jobStatuses),
    progress: z.int().min(0).max(100),
    attempts: z.int(),
    result: z.record(z.string(), z.unknown()).nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: timestampSchema,
    startedAt: timestampSchema.nullable(),
    finishedAt: timestampSchema.nullable(),
  })
  .meta({ id: 'Job' })
  .register(examples, {
    'Queued export': queuedExample,
    'Completed export': {
      id: '0199a3c1-5d2e-7a77-9b1f-3c8e6d2f4b11',
      type: 'user-export',
      status: 'completed',
      progress: 100,
      attempts: 1,
      result: { bytes: 18_204 },
      error: null,
      createdAt: sample.earlier,
      startedAt: '2026-11-28T09:30:00.420Z',
      finishedAt: sample.later,
    },
    'Failed export': {
      id: '0199a3c1-5d2e-7a77-9b1f-3c8e6d2f4b12',
      type: 'user-export',
      status: 'failed',
      progress: 40,
      attempts: 8,
      result: null,
      error: { code: 'INTERNAL', message: 'The job failed unexpectedly.' },
      createdAt: sample.earlier,
      startedAt: '2026-11-28T09:30:00.420Z',
      finishedAt: sample.later,
    },
    'Cancelled export': {
      id: '0199a3c1-5d2e-7a77-9b1f-3c8e6d2f4b13',
      type: 'user-export',
      status: 'cancelled',
      progress: 40,
      attempts: 1,
      result: null,
      error: null,
      createdAt: sample.earlier,
      startedAt: '2026-11-28T09:30:00.420Z',
      finishedAt: sample.later,
    },
    'Queued import': { ...queuedExample, id: '0199a3c1-5d2e-7a77-9b1f-3c8e6d2f4b14', type: 'user-import' },
  });

/** A job as its owner and administrators see it. */
export const jobView = (job: Job) => ({
  ...job,
  error: job.errorCode === null ? null : { code: job.errorCode, message: job.errorMessage ?? '' },
});

export const startJobSchema = z
  .strictObject({ type: text({ min: 1, max: 64 }), input: z.record(z.string(), z.unknown()).default({}) })
  .meta({ id: 'StartJob' })
  .register(examples, {
    'Export your data': { type: 'user-export' },
    'With an input': { type: 'user-export', input: {} },
  });
export type StartJob = z.output<typeof startJobSchema>;

export const redriveJobsSchema = z
  .strictObject({
    type: text({ min: 1, max: 64 }),
    errorCode: text({ min: 1, max: 64 }).optional(),
    from: instantSchema.optional().describe('Only jobs that failed at or after this time.'),
    to: instantSchema.optional().describe('Only jobs that failed at or before this time.'),
  })
  .meta({ id: 'RedriveJobs' })
  .register(examples, {
    'All failed exports': { type: 'user-export' },
    'Failures of one outage': {
      type: 'user-export',
      errorCode: 'WORKER_STALLED',
      from: sample.earlier,
      to: sample.later,
    },
  });
export type RedriveJobs = z.output<typeof redriveJobsSchema>;

export const redrivenJobsSchema = z
  .object({
    redriven: z.int().describe('How many failed jobs are retried.'),
    hasMore: z.boolean().describe('True if more failed jobs are left. Send the request again.'),
  })
  .meta({ id: 'RedrivenJobs' })
  .register(examples, {
    'All retried': { redriven: 12, hasMore: false },
    'More left': { redriven: 5_000, hasMore: true },
  });

const queueExample = { type: 'user-export', pausedAt: null, queued: 3, active: 1 };

export const jobQueueSchema = z
  .object({
    type: z.string().describe('The job type. Each type has one queue.'),
    pausedAt: timestampSchema.nullable(),
    queued: z.int().nullable().describe(`Jobs to run, or null if there are more than ${TOTAL_MAX}.`),
    active: z.int().nullable().describe(`Running jobs, or null if there are more than ${TOTAL_MAX}.`),
  })
  .meta({ id: 'JobQueue' })
  .register(examples, {
    Running: queueExample,
    Paused: { ...queueExample, pausedAt: sample.later, active: 0 },
  });

export const jobTypeSchema = text({ min: 1, max: 64 }).meta({ example: 'user-export' });

export const jobsQuerySchema = pageQuery(['createdAt'], {
  type: text({ max: 64 }).optional().meta({ example: 'user-export' }),
  status: z.enum(jobStatuses).optional(),
});
export type JobsQuery = z.output<typeof jobsQuerySchema>;

export const jobIdSchema = idSchema;
