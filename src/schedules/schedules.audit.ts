import { z } from 'zod';
import { defineAuditEvent } from '../audit/audit-event-types.ts';

const data = z.object({ name: z.string() });

export const schedulePaused = defineAuditEvent({ name: 'schedule-paused', data });

export const scheduleResumed = defineAuditEvent({ name: 'schedule-resumed', data });

/** An administrator started the job of the schedule outside its scheduled times. */
export const scheduleStarted = defineAuditEvent({
  name: 'schedule-started',
  data: data.extend({ jobId: z.string() }),
});
