import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { PullQueue } from '../platform/graphql/pull-queue.ts';
import type { EventStream } from '../platform/http/event-stream.ts';
import { EventStreams } from '../platform/http/event-streams.service.ts';
import { followSource, type Wake } from '../platform/http/follow-source.ts';
import type { Principal } from '../platform/security/principal.ts';
import { notificationIdSchema, notificationSchema } from './notifications.schemas.ts';
import { channelOf, NotificationsService, type ReadableNotification } from './notifications.service.ts';

/** Rows per read. Limits the memory for the backlog of a slow reader. */
const BATCH = 50;
const POLL_MS = 30_000;

interface Sink {
  signal: AbortSignal;
  /** Resolves when the client can take more. */
  send(notification: ReadableNotification): Promise<void>;
}

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
    const position = await this.positionAfter(caller, lastEventId);
    const stream = this.streams.open('notifications', caller, reply);
    this.follow(caller, position, {
      signal: stream.signal,
      send: (notification) => {
        const { id } = notification;
        return stream.send({ event: 'notification', id, data: notificationSchema.parse(notification) });
      },
    });
    return stream;
  }

  /** The same for a GraphQL subscription. Ends when the consumer calls `return`. */
  async iterate(
    caller: Principal,
    lastSeenId: unknown,
  ): Promise<AsyncIterableIterator<ReadableNotification>> {
    const position = await this.positionAfter(caller, lastSeenId);
    const queue = new PullQueue<ReadableNotification>();
    this.follow(caller, position, queue);
    return queue;
  }

  private positionAfter({ userId }: Principal, lastSeenId: unknown): Promise<string> {
    // Ignore an id that is not one of ours.
    return this.notifications.positionAfter(userId, notificationIdSchema.safeParse(lastSeenId).data);
  }

  private follow({ userId }: Principal, start: string, sink: Sink): void {
    let position = start;
    const source = {
      pollMs: POLL_MS,
      subscribe: (wake: Wake) => this.bus.subscribe(channelOf(userId), wake),
      poll: async () => {
        for (let isMore = true; isMore && !sink.signal.aborted;) {
          const batch = await this.notifications.listAfter(userId, position, BATCH);
          for (const notification of batch) {
            await sink.send(notification);
            position = notification.position;
          }
          isMore = batch.length === BATCH;
        }
      },
    };
    followSource(source, sink.signal);
  }
}
