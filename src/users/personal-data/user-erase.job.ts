import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

export const userErase = defineJob({
  type: 'user-erase',
  input: z.strictObject({ userId: z.guid() }),
  // Retries for about one day, because the personal data stays until the job succeeds.
  attempts: 300,
});
