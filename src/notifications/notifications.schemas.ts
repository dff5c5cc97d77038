import { z } from 'zod';
import { idSchema, pageQuery, timestampSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';

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
  .meta({ id: 'Notification' })
  .register(examples, {
    'Completed job': {
      id: sample.id,
      type: 'job-completed',
      title: 'Your export is ready',
      body: 'Download it from the page of the job.',
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

/** A malformed id is ignored, as the standard asks for. */
export const lastEventIdSchema = z
  .string()
  .max(1_000)
  .optional()
  .describe('The id of the last event that you have. The stream starts after it.')
  .meta({ example: sample.id });
