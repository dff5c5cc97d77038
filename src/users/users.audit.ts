import { z } from 'zod';
import type { AuditEventType } from '../audit/audit-event-types.ts';

export const roleChanged = {
  name: 'role-changed',
  data: z.object({
    /** Null for an imported account. */
    from: z.string().nullable(),
    to: z.string(),
    importedBy: z.string().nullish(),
    jobId: z.string().optional(),
  }),
} satisfies AuditEventType;

export const statusChanged = {
  name: 'status-changed',
  data: z.object({ from: z.string(), to: z.string() }),
} satisfies AuditEventType;

export const accountDeleted = { name: 'account-deleted', data: z.object({}) } satisfies AuditEventType;
