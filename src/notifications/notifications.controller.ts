import { Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RequestHeader } from '../platform/http/request-header.decorator.ts';
import { page } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { examplesOf, sample, streamExample } from '../platform/openapi/examples.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import {
  notificationIdSchema,
  lastEventIdSchema,
  notificationSchema,
  notificationsQuerySchema,
  type NotificationsQuery,
  unreadMeta,
} from './notifications.schemas.ts';
import { NotificationsService } from './notifications.service.ts';

@Tag('Notifications', 'Messages to the signed-in user.')
@Controller({ path: 'notifications', version: '1' })
export class NotificationsController {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly streams: NotificationStreamService,
  ) {}

  @Get()
  @Endpoint({
    summary: 'List notifications',
    description: 'Newest first. `meta.unreadCount` counts the unread ones on all pages.',
    returns: page(notificationSchema, unreadMeta),
  })
  listNotifications(
    @Query({ schema: notificationsQuerySchema }) query: NotificationsQuery,
    @CurrentUser() caller: Principal,
  ) {
    return this.notifications.list(query, caller);
  }

  @Post('read-all')
  @Endpoint({ summary: 'Mark all notifications as read', description: 'Repeating the request succeeds.' })
  async markAllNotificationsRead(@CurrentUser() caller: Principal) {
    await this.notifications.markAllRead(caller);
  }

  @Post(':id/read')
  @Endpoint({
    summary: 'Mark a notification as read',
    description: 'Repeating the request succeeds. The time of the first request is kept.',
  })
  async markNotificationRead(
    @Param('id', { schema: notificationIdSchema }) id: string,
    @CurrentUser() caller: Principal,
  ) {
    await this.notifications.markRead(id, caller);
  }

  @Get('stream')
  @Endpoint({
    summary: 'Stream notifications',
    description:
      'Server-Sent Events. `notification` has the notification as data and its id as the event id. With ' +
      '`Last-Event-ID` the stream starts after that notification, without it only new ones are sent. `end` names the ' +
      'reason for closing: `session-ended`, `token-expired`, `server-draining` or `too-many-streams`. A sixth stream ' +
      'closes the oldest.',
    produces: 'text/event-stream',
    produced: streamExample(
      { event: 'notification', id: sample.id, data: examplesOf(notificationSchema)['Completed job'] },
      { event: 'end', data: { reason: 'token-expired' } },
    ),
  })
  async streamNotifications(
    @CurrentUser() caller: Principal,
    @RequestHeader('last-event-id', lastEventIdSchema) lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return (await this.streams.open(caller, lastEventId, reply)).responseBody;
  }
}
