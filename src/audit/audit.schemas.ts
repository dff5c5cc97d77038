import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, timestampSchema } from '../platform/http/schemas.ts';
import { auditEventTypes } from './audit-event.entity.ts';

export const auditEventSchema = z
  .object({
    id: z.string(),
    type: z.enum(auditEventTypes),
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
  type: z.enum(auditEventTypes).optional(),
  userId: idSchema.optional(),
  from: instantSchema.optional().describe('Only events at or after this time.'),
  to: instantSchema.optional().describe('Only events at or before this time.'),
});
export type AuditEventsQuery = z.output<typeof auditEventsQuerySchema>;
