import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull, MoreThan, Not, type Repository } from 'typeorm';
import type { z } from 'zod';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { lockUsers } from '../users/lock-users.ts';
import { type NotificationType, NotificationTypes } from './notification-types.ts';
import { Notification } from './notification.entity.ts';
import type { NotificationsQuery } from './notifications.schemas.ts';

export interface NewNotification<Schema extends z.ZodType = z.ZodType> {
  userId: string;
  title: string;
  body: string;
  data: z.input<Schema>;
}

/** A new notification removes the oldest beyond this number. */
const KEPT_PER_USER_MAX = 1_000;

/** The bus channel that wakes the streams of a user. */
export const channelOf = (userId: string): string => `notifications:${userId}`;

/**
 * Notifications to users. Every change locks the user's row, so changes of one user run one after the other: the unread
 * count stays right, and positions follow the commit order.
 */
@Injectable()
export class NotificationsService {
  constructor(
    @InjectRepository(Notification) private readonly notifications: Repository<Notification>,
    private readonly db: DataSource,
    private readonly bus: MessageBus,
    private readonly paginator: Paginator,
    private readonly types: NotificationTypes,
  ) {}

  /** Creates a notification in the transaction of its cause. Does nothing for a deleted user. */
  async notify<Type extends NotificationType>(
    type: Type,
    { userId, title, body, data }: NewNotification<Type['data']>,
    tx: EntityManager,
  ): Promise<void> {
    if (!this.types.find(type.name)) throw new Error(`The notification type ${type.name} is not registered`);
    const validData = type.data.parse(data);
    const [user] = await lockUsers([userId], tx);
    if (!user) return;
    const id = randomUUIDv7();
    await tx.query(
      `WITH notification AS (
         INSERT INTO notifications (id, user_id, type, title, body, data) VALUES ($1, $2, $3, $4, $5, $6)
       ), excess AS (
         DELETE FROM notifications WHERE user_id = $2 AND position <= (
           SELECT position FROM notifications WHERE user_id = $2
           ORDER BY position DESC OFFSET ${KEPT_PER_USER_MAX - 1} LIMIT 1
         ) RETURNING read_at
       )
       UPDATE users
       SET unread_count = unread_count + 1 - (SELECT count(*) FROM excess WHERE read_at IS NULL)
       WHERE id = $2`,
      [id, userId, type.name, title, body, JSON.stringify(validData)],
    );
    this.bus.publishAfterCommit(tx, channelOf(userId), { id });
  }

  async list({ unread, ...request }: NotificationsQuery, { userId }: Principal) {
    const rows = this.notifications.createQueryBuilder('notification').where({
      userId,
      ...(unread !== undefined && { readAt: unread ? IsNull() : Not(IsNull()) }),
    });
    const { meta, ...page } = await this.paginator.page(rows, {
      list: 'notifications',
      page: request,
      filters: { unread },
      sorts: { createdAt: 'createdAt' },
    });
    return { ...page, meta: { ...meta, unreadCount: await this.countUnread(userId) } };
  }

  async get(id: string, { userId }: Principal): Promise<Notification> {
    const notification = await this.notifications.findOneBy({ id, userId });
    if (!notification) throw new NotFoundError();
    return notification;
  }

  /** A notification that is already read keeps its time. */
  async markRead(id: string, { userId }: Principal): Promise<void> {
    if (!(await this.notifications.existsBy({ id, userId }))) throw new NotFoundError();
    await this.setRead(userId, id);
  }

  markAllRead({ userId }: Principal): Promise<void> {
    return this.setRead(userId, null);
  }

  /** The next notifications of a user after a position, oldest first. */
  listAfter(userId: string, position: string, limit: number): Promise<Notification[]> {
    return this.notifications.find({
      where: { userId, position: MoreThan(position) },
      order: { position: 'ASC' },
      take: limit,
    });
  }

  /**
   * The position from which a stream starts: after the last notification that the client has seen, or else after the
   * newest. If the last seen one has been removed, all kept ones are newer.
   */
  async positionAfter(userId: string, lastSeenId: string | undefined): Promise<string> {
    if (lastSeenId !== undefined) {
      return (await this.notifications.findOneBy({ id: lastSeenId, userId }))?.position ?? '0';
    }
    const [newest] = await this.notifications.find({
      where: { userId },
      order: { position: 'DESC' },
      take: 1,
    });
    return newest?.position ?? '0';
  }

  /** Marks one notification as read, or all when the id is null. */
  private setRead(userId: string, id: string | null): Promise<void> {
    return this.db.transaction(async (tx) => {
      await lockUsers([userId], tx);
      await tx.query(
        `WITH read AS (
           UPDATE notifications SET read_at = now()
           WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND read_at IS NULL RETURNING id
         )
         UPDATE users SET unread_count = unread_count - (SELECT count(*) FROM read)
         WHERE id = $1 AND EXISTS (SELECT FROM read)`,
        [userId, id],
      );
    });
  }

  private async countUnread(userId: string): Promise<number> {
    const [user] = await this.db.query<{ unreadCount: number }[]>(
      'SELECT unread_count AS "unreadCount" FROM users WHERE id = $1',
      [userId],
    );
    return user?.unreadCount ?? 0;
  }
}
