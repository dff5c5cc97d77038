import { z } from 'zod';
import { idSchema, pageQuery, timestampSchema } from '../platform/http/schemas.ts';

export const notificationSchema = z
  .object({
    id: z.string(),
    type: z
      .string()
      .describe('For example `job-completed`. Show the title and body of a type that you don’t know.'),
    title: z.string(),
    body: z.string(),
    data: z
      .record(z.string(), z.unknown())
      .describe('Ids of the resources it is about. The keys depend on the type.'),
    readAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
  })
  .meta({ id: 'Notification' });

export const unreadMeta = { unreadCount: z.int().describe('Unread notifications of the user on all pages.') };

export const notificationsQuerySchema = pageQuery(['createdAt'], {
  unread: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
});
export type NotificationsQuery = z.output<typeof notificationsQuerySchema>;

export const notificationIdSchema = idSchema;
