import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
import { defineSchedule } from '../schedules/schedule-definition.ts';

/** Removes the object and the row of a deleted file. */
export const fileRemove = defineJob({
  type: 'file-remove',
  input: z.strictObject({ fileId: z.guid() }),
  // Retries for about an hour. After a longer outage of the storage, the hourly job removes the file.
  attempts: 20,
});

/** Removes files without a `file-remove` job: unused files, files of deleted accounts, and objects without a row. */
export const fileOrphansRemove = defineJob({
  type: 'file-orphans-remove',
  input: z.strictObject({}),
  timeoutSeconds: 900,
  concurrency: 1,
});

export const hourlyFileOrphansRemove = defineSchedule({
  name: 'hourly-file-orphans-remove',
  // Not at minute 0, when most other schedules start.
  cron: '17 * * * *',
  timezone: 'UTC',
  job: fileOrphansRemove,
});
