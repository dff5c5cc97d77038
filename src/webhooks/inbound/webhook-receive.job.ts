import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

export const webhookReceive = defineJob({
  type: 'webhook-receive',
  input: z.strictObject({ webhookId: z.guid() }),
  // About a day: the sender got a 202 and does not send the event again.
  attempts: 300,
});
