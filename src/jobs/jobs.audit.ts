import { z } from 'zod';
import type { AuditEventType } from '../audit/audit-event-types.ts';

export const jobsRedriven = {
  name: 'jobs-redriven',
  data: z.object({
    type: z.string(),
    errorCode: z.string().optional(),
    from: z.date().optional(),
    to: z.date().optional(),
    redriven: z.int(),
  }),
} satisfies AuditEventType;

export const jobResultDownloaded = {
  name: 'job-result-downloaded',
  data: z.object({ jobId: z.string(), jobType: z.string() }),
} satisfies AuditEventType;

const queue = z.object({ type: z.string() });

export const queuePaused = { name: 'queue-paused', data: queue } satisfies AuditEventType;

export const queueResumed = { name: 'queue-resumed', data: queue } satisfies AuditEventType;
