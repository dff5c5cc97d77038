import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text, timestampSchema } from '../platform/http/schemas.ts';
import { jobStatuses, type Job } from './job.entity.ts';

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
  .meta({ id: 'Job' });

/** A job as its owner and administrators see it. */
export const jobView = (job: Job) => ({
  ...job,
  error: job.errorCode === null ? null : { code: job.errorCode, message: job.errorMessage ?? '' },
});

export const startJobSchema = z
  .strictObject({ type: text({ min: 1, max: 64 }), input: z.record(z.string(), z.unknown()).default({}) })
  .meta({ id: 'StartJob' });
export type StartJob = z.output<typeof startJobSchema>;

export const redriveJobsSchema = z
  .strictObject({
    type: text({ min: 1, max: 64 }),
    errorCode: text({ min: 1, max: 64 }).optional(),
    from: instantSchema.optional().describe('Only jobs that failed at or after this time.'),
    to: instantSchema.optional().describe('Only jobs that failed at or before this time.'),
  })
  .meta({ id: 'RedriveJobs' });
export type RedriveJobs = z.output<typeof redriveJobsSchema>;

export const redrivenJobsSchema = z
  .object({
    redriven: z.int().describe('How many failed jobs are retried.'),
    hasMore: z.boolean().describe('True if more failed jobs are left. Send the request again.'),
  })
  .meta({ id: 'RedrivenJobs' });

export const jobsQuerySchema = pageQuery(['createdAt'], {
  type: text({ max: 64 }).optional(),
  status: z.enum(jobStatuses).optional(),
});
export type JobsQuery = z.output<typeof jobsQuerySchema>;

export const jobIdSchema = idSchema;
