import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text, timestampSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { AuditEventTypes } from './audit-event-types.ts';

export const auditEventSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    userId: z.string().nullable(),
    actorId: z.string().nullable(),
    ipAddress: z.string().nullable(),
    userAgent: z.string().nullable(),
    correlationId: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    createdAt: timestampSchema,
  })
  .meta({
    id: 'AuditEvent',
    description: 'The `type` determines the properties of `data`. A newer release may add types.',
    variantsOf: AuditEventTypes,
  })
  .register(examples, {
    'Sign-in': {
      id: sample.id,
      type: 'sign-in',
      userId: sample.userId,
      actorId: sample.userId,
      ipAddress: '203.0.113.7',
      userAgent: 'curl/8.14.1',
      correlationId: '5f1c6c0e-8a43-4d0f-9f6e-2b7a1c3d4e5f',
      data: { method: 'password' },
      createdAt: sample.later,
    },
  });

export const auditEventsQuerySchema = pageQuery(['createdAt'], {
  type: text({ max: 64 }).meta({ keyOf: AuditEventTypes }).optional(),
  userId: idSchema.optional(),
  from: instantSchema.optional().describe('Only events at or after this time.'),
  to: instantSchema.optional().describe('Only events at or before this time.'),
});
export type AuditEventsQuery = z.output<typeof auditEventsQuerySchema>;
