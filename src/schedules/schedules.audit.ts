import { z } from 'zod';
import type { AuditEventType } from '../audit/audit-event-types.ts';

const data = z.object({ name: z.string() });

export const schedulePaused = { name: 'schedule-paused', data } satisfies AuditEventType;

export const scheduleResumed = { name: 'schedule-resumed', data } satisfies AuditEventType;
