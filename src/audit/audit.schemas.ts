import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text, timestampSchema } from '../platform/http/schemas.ts';
import { AuditEventTypes } from './audit-event-types.ts';

export const auditEventSchema = z
  .object({
    id: z.string(),
    type: z.string().describe('For example `sign-in`. A newer release may add types.'),
    userId: z.string().nullable(),
    actorId: z.string().nullable(),
    ipAddress: z.string().nullable(),
    userAgent: z.string().nullable(),
    correlationId: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    createdAt: timestampSchema,
  })
  .meta({ id: 'AuditEvent' });

export const auditEventsQuerySchema = pageQuery(['createdAt'], {
  type: text({ max: 64 }).meta({ keyOf: AuditEventTypes }).optional(),
  userId: idSchema.optional(),
  from: instantSchema.optional().describe('Only events at or after this time.'),
  to: instantSchema.optional().describe('Only events at or before this time.'),
});
export type AuditEventsQuery = z.output<typeof auditEventsQuerySchema>;
