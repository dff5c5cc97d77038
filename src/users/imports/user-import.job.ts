import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

/** The file is the job's input file; the input itself says nothing more. */
export const userImport = defineJob({
  type: 'user-import',
  input: z.strictObject({}),
  timeoutSeconds: 3_600,
  concurrency: 1,
});
