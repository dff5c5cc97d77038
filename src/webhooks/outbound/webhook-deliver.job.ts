import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Pauses after each failure; the schedule that Standard Webhooks 1.0 recommends: about three days in all. */
const PAUSES_SECONDS = [5, 5 * MINUTE, 30 * MINUTE, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR)];

export const webhookDeliver = defineJob({
  type: 'webhook-deliver',
  input: z.strictObject({ deliveryId: z.guid() }),
  attempts: PAUSES_SECONDS.length + 1,
  backoffSeconds: (attempt) => PAUSES_SECONDS[attempt - 1] ?? 24 * HOUR,
  // More than an attempt may take, so that the attempt itself says why it failed.
  timeoutSeconds: 30,
  // Most of the time goes by waiting for receivers. Several times what one owner may have under way.
  concurrency: 50,
});
