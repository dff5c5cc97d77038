import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

/** Empty, because the job exports the data of the user who starts it. */
export const userExport = defineJob({
  type: 'user-export',
  input: z.strictObject({}),
  startableByUsers: true,
  timeoutSeconds: 300,
  // An export reads every table of the user.
  perUserAndDay: 5,
});
