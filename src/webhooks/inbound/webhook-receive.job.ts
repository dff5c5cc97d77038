import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

export const webhookReceive = defineJob({
  type: 'webhook-receive',
  input: z.strictObject({ webhookId: z.guid() }),
  // About a day: the sender was told that it is accepted, and sends it no second time.
  attempts: 300,
});
