import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

/** Empty, because the CSV file is the job's input file. */
export const userImport = defineJob({
  type: 'user-import',
  input: z.strictObject({}),
  timeoutSeconds: 3_600,
  concurrency: 1,
});
