import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

export const userErase = defineJob({
  type: 'user-erase',
  input: z.strictObject({ userId: z.guid() }),
  // About a day: as long as it fails, the data of somebody who has left stays.
  attempts: 300,
});
