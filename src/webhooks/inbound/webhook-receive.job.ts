import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

export const webhookReceive = defineJob({
  type: 'webhook-receive',
  input: z.strictObject({ webhookId: z.guid() }),
});
