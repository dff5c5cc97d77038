import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { MessageBus } from '../platform/bus/message-bus.ts';
import type { EventStream } from '../platform/http/event-stream.ts';
import { EventStreams } from '../platform/http/event-streams.service.ts';
import type { Principal } from '../platform/security/principal.ts';
import { notificationIdSchema, notificationSchema } from './notifications.schemas.ts';
import { channelOf, NotificationsService } from './notifications.service.ts';

/** Rows per read, so that a slow reader's backlog is never all in memory. */
const BATCH = 50;
const POLL_MS = 30_000;

/**
 * The live stream of a user's notifications. A bus message only wakes it: it reads rows from PostgreSQL in the order of
 * their positions, after the last one it sent, so it sends each notification exactly once.
 */
@Injectable()
export class NotificationStreamService {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly streams: EventStreams,
    private readonly bus: MessageBus,
  ) {}

  async open(caller: Principal, lastEventId: unknown, reply: FastifyReply): Promise<EventStream> {
    const { userId } = caller;
    // Ignore a Last-Event-ID that is no id of ours.
    const lastSeen = notificationIdSchema.safeParse(lastEventId);
    let position = await this.notifications.positionAfter(userId, lastSeen.data);
    const stream = this.streams.open('notifications', caller, reply);
    stream.follow({
      pollMs: POLL_MS,
      subscribe: (wake) => this.bus.subscribe(channelOf(userId), wake),
      poll: async () => {
        for (let isMore = true; isMore && stream.isOpen;) {
          const batch = await this.notifications.listAfter(userId, position, BATCH);
          for (const notification of batch) {
            const { id } = notification;
            await stream.send({ event: 'notification', id, data: notificationSchema.parse(notification) });
            position = notification.position;
          }
          isMore = batch.length === BATCH;
        }
      },
    });
    return stream;
  }
}
