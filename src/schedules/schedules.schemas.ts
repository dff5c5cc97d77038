import { z } from 'zod';
import { text, timestampSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';

const dailyExample = {
  name: 'daily-digest',
  cron: '0 9 * * *',
  timezone: 'Europe/Berlin',
  jobType: 'digest-send',
  missed: 'once' as const,
  lastRunAt: '2026-11-28T08:00:00.000Z',
  lastJobId: sample.id,
  nextRunAt: '2026-11-29T08:00:00.000Z',
  pausedAt: null,
};

export const scheduleSchema = z
  .object({
    name: z.string(),
    cron: z.string().describe('Minute, hour, day of month, month, day of week.'),
    timezone: z.string(),
    jobType: z.string(),
    missed: z.enum(['once', 'skip']).describe('What happens to runs that were missed while no worker ran.'),
    lastRunAt: timestampSchema
      .nullable()
      .describe('The scheduled time of the last run, or when an administrator started it.'),
    lastJobId: z.string().nullable().describe('The job of the last run. It is deleted after 30 days.'),
    nextRunAt: timestampSchema.nullable().describe('Null while the schedule is paused.'),
    pausedAt: timestampSchema.nullable(),
  })
  .meta({ id: 'Schedule' })
  .register(examples, {
    Daily: dailyExample,
    Paused: { ...dailyExample, name: 'weekly-report', nextRunAt: null, pausedAt: sample.later },
  });

export const scheduleNameSchema = text({ min: 1, max: 64 }).meta({ example: 'daily-digest' });
