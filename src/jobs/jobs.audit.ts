import { z } from 'zod';
import { defineAuditEvent } from '../audit/audit-event-types.ts';

export const jobsRedriven = defineAuditEvent({
  name: 'jobs-redriven',
  data: z.object({
    type: z.string(),
    errorCode: z.string().optional(),
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
    redriven: z.int(),
  }),
});

export const jobResultDownloaded = defineAuditEvent({
  name: 'job-result-downloaded',
  data: z.object({ jobId: z.string(), jobType: z.string() }),
});

const queue = z.object({ type: z.string() });

export const queuePaused = defineAuditEvent({ name: 'queue-paused', data: queue });

export const queueResumed = defineAuditEvent({ name: 'queue-resumed', data: queue });
