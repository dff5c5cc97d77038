import { z } from 'zod';
import { idSchema, pageQuery, timestampSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { NotificationTypes } from './notification-types.ts';

export const notificationSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    title: z.string().describe('In the language of the user: see `locale` of `GET /v1/users/me`.'),
    body: z.string(),
    data: z.record(z.string(), z.unknown()),
    readAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
  })
  .meta({
    id: 'Notification',
    description:
      'The `type` determines the properties of `data`. For an unknown type, show the title and body: a newer ' +
      'release may add types.',
    variantsOf: NotificationTypes,
  })
  .register(examples, {
    'Completed job': {
      id: sample.id,
      type: 'job-completed',
      title: 'Job completed',
      body: 'The job “user-export” has completed.',
      data: { jobId: '0199a3c0-7b11-7c2d-9e4f-6a8b0c2d4e6f', jobType: 'user-export' },
      readAt: null,
      createdAt: sample.later,
    },
  });

export const unreadMeta = { unreadCount: z.int().describe('Unread notifications of the user on all pages.') };

export const notificationsQuerySchema = pageQuery(['createdAt'], {
  unread: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
});
export type NotificationsQuery = z.output<typeof notificationsQuerySchema>;

export const notificationIdSchema = idSchema;

/** A malformed id is ignored, as in the standard. */
export const lastEventIdSchema = z
  .string()
  .max(1_000)
  .optional()
  .describe('The id of the last event that you have. The stream starts after it.')
  .meta({ example: sample.id });
