import { z } from 'zod';
import { idSchema, pageQuery, timestampSchema } from '../platform/http/schemas.ts';
import { notificationTypes } from './notification.entity.ts';

export const notificationSchema = z
  .object({
    id: z.string(),
    type: z.enum(notificationTypes),
    title: z.string(),
    body: z.string(),
    data: z
      .record(z.string(), z.unknown())
      .describe('Ids of what it is about; what there is depends on the type.'),
    readAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
  })
  .meta({ id: 'Notification' });

export const unreadMeta = { unreadCount: z.int().describe('Of all own notifications, not of this page.') };

export const notificationsQuerySchema = pageQuery(['createdAt'], {
  unread: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
});
export type NotificationsQuery = z.output<typeof notificationsQuerySchema>;

export const notificationIdSchema = idSchema;
