import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';

/** Contains ids only, no personal data. */
export const mailSend = defineJob({
  type: 'mail-send',
  input: z.strictObject({ mailId: z.guid() }),
  // About one day, so that a mail server can be down overnight.
  attempts: 300,
  timeoutSeconds: 30,
});
