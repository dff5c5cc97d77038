import { z } from 'zod';
import { idSchema, timestampSchema } from '../../platform/http/schemas.ts';

export const sessionSchema = z
  .object({
    id: z.string(),
    userAgent: z.string().nullable(),
    ipAddress: z.string().nullable(),
    createdAt: timestampSchema,
    lastUsedAt: timestampSchema,
    expiresAt: timestampSchema,
    current: z.boolean().describe('Whether this request was made in it.'),
  })
  .meta({ id: 'Session' });

export const sessionIdSchema = idSchema;
