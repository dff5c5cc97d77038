import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull, MoreThan, Not, type Repository } from 'typeorm';
import type { z } from 'zod';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { Config } from '../platform/config/config.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { knownLocale, type Locale } from '../platform/i18n/locales.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { lockUsers } from '../users/lock-users.ts';
import { type NotificationText, type NotificationType, NotificationTypes } from './notification-types.ts';
import { Notification } from './notification.entity.ts';
import type { NotificationsQuery } from './notifications.schemas.ts';
import { notificationsTexts } from './notifications.texts.ts';

export interface NewNotification<Schema extends z.ZodObject> {
  userId: string;
  data: z.input<Schema>;
}

/** A notification with its text in the language of its reader. */
export type ReadableNotification = Omit<Notification, 'user'> & NotificationText;

interface Reader {
  unreadCount: number;
  locale: Locale;
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
    private readonly config: Config,
  ) {}

  /** Creates a notification in the transaction of its cause. Does nothing for a deleted user. */
  async notify<Schema extends z.ZodObject>(
    type: NotificationType<Schema>,
    { userId, data }: NewNotification<Schema>,
    tx: EntityManager,
  ): Promise<void> {
    const stored = this.types.toStored(type, data);
    const [user] = await lockUsers([userId], tx);
    if (!user) return;
    const id = randomUUIDv7();
    await tx.query(
      `WITH notification AS (
         INSERT INTO notifications (id, user_id, type, data) VALUES ($1, $2, $3, $4)
       ), excess AS (
         DELETE FROM notifications WHERE user_id = $2 AND position <= (
           SELECT position FROM notifications WHERE user_id = $2
           ORDER BY position DESC OFFSET ${KEPT_PER_USER_MAX - 1} LIMIT 1
         ) RETURNING read_at
       )
       UPDATE users
       SET unread_count = unread_count + 1 - (SELECT count(*) FROM excess WHERE read_at IS NULL)
       WHERE id = $2`,
      [id, userId, type.name, JSON.stringify(stored)],
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
    });
    const reader = await this.readerOf(userId);
    const data = page.data.map((row) => this.toReadable(row, reader));
    return { ...page, data, meta: { ...meta, unreadCount: reader.unreadCount } };
  }

  async get(id: string, { userId }: Principal): Promise<ReadableNotification> {
    const notification = await this.notifications.findOneBy({ id, userId });
    if (!notification) throw new NotFoundError();
    return this.toReadable(notification, await this.readerOf(userId));
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
  async listAfter(userId: string, position: string, limit: number): Promise<ReadableNotification[]> {
    const rows = await this.notifications.find({
      where: { userId, position: MoreThan(position) },
      order: { position: 'ASC' },
      take: limit,
    });
    if (rows.length === 0) return [];
    const reader = await this.readerOf(userId);
    return rows.map((row) => this.toReadable(row, reader));
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

  /** The language is that of the user's mails. */
  private async readerOf(userId: string): Promise<Reader> {
    const [user] = await this.db.query<{ unreadCount: number; locale: string | null }[]>(
      'SELECT unread_count AS "unreadCount", locale FROM users WHERE id = $1',
      [userId],
    );
    const locale = knownLocale(user?.locale) ?? this.config.DEFAULT_LOCALE;
    return { unreadCount: user?.unreadCount ?? 0, locale };
  }

  private toReadable(row: Notification, { locale }: Reader): ReadableNotification {
    const { type, shown } = this.types.read(row.type, row.data);
    return { ...row, ...shown, ...(type?.text(shown.data, locale) ?? notificationsTexts[locale].unknown) };
  }
}
