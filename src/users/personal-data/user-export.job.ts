import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

/** The data is that of whoever starts the job, so there is nothing to say. */
export const userExport = defineJob({
  type: 'user-export',
  input: z.strictObject({}),
  startableByUsers: true,
  timeoutSeconds: 300,
  // An export reads every table of the user.
  perUserAndDay: 5,
});
