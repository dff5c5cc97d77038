import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';

/** Ids only: the queue is no place for addresses. */
export const mailSend = defineJob({
  type: 'mail-send',
  input: z.strictObject({ mailId: z.guid() }),
  // About a day, so that a mail server may be away for a night.
  attempts: 300,
  timeoutSeconds: 30,
});
