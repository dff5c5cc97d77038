import { z } from 'zod';
import { defineAuditEvent } from '../audit/audit-event-types.ts';

export const roleChanged = defineAuditEvent({
  name: 'role-changed',
  data: z.object({
    /** Null for an imported account. */
    from: z.string().nullable(),
    to: z.string(),
    importedBy: z.string().nullish(),
    jobId: z.string().optional(),
  }),
});

export const statusChanged = defineAuditEvent({
  name: 'status-changed',
  data: z.object({ from: z.string(), to: z.string() }),
});

export const accountDeleted = defineAuditEvent({ name: 'account-deleted', data: z.object({}) });
