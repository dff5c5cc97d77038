import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';

/** Empty, because the CSV file is the job's input file. */
export const userImport = defineJob({
  type: 'user-import',
  input: z.strictObject({}),
  timeoutSeconds: 3_600,
  concurrency: 1,
});

/** Empty, because the job exports the data of the user who starts it. */
export const userExport = defineJob({
  type: 'user-export',
  input: z.strictObject({}),
  startableByUsers: true,
  timeoutSeconds: 300,
  // An export reads every table of the user.
  onePerUser: true,
  perUserAndDay: 5,
});

export const userErase = defineJob({
  type: 'user-erase',
  input: z.strictObject({ userId: z.guid() }),
  // Retries for about one day, because the personal data stays until the job succeeds.
  attempts: 300,
  timeoutSeconds: 3_600,
});
