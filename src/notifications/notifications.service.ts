import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull, MoreThan, Not, type Repository } from 'typeorm';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { Notification } from './notification.entity.ts';
import type { NotificationsQuery } from './notifications.schemas.ts';

export type NewNotification = Pick<Notification, 'userId' | 'type' | 'title' | 'body'> &
  Partial<Pick<Notification, 'data'>>;

/** The newest that a user keeps; older ones are removed as new ones come. */
const KEPT_PER_USER_MAX = 1_000;

/** Where streams hear that a user has something new. */
export const channelOf = (userId: string): string => `notifications:${userId}`;

/**
 * Messages to people. Whatever changes those of a user does so under the lock of the user's row, one after the other:
 * so the count is right, and positions follow the order of the commits.
 */
@Injectable()
export class NotificationsService {
  constructor(
    @InjectRepository(Notification) private readonly notifications: Repository<Notification>,
    private readonly db: DataSource,
    private readonly bus: MessageBus,
    private readonly paginator: Paginator,
  ) {}

  /** Tells a user something in the transaction of what it tells of. An account that is gone is told nothing. */
  async notify({ userId, type, title, body, data = {} }: NewNotification, tx: EntityManager): Promise<void> {
    if (!(await lockUser(userId, tx))) return;
    const id = randomUUIDv7();
    await tx.query(
      `WITH notification AS (
         INSERT INTO notifications (id, user_id, type, title, body, data) VALUES ($1, $2, $3, $4, $5, $6)
       ), surplus AS (
         DELETE FROM notifications WHERE user_id = $2 AND position <= (
           SELECT position FROM notifications WHERE user_id = $2
           ORDER BY position DESC OFFSET ${KEPT_PER_USER_MAX - 1} LIMIT 1
         ) RETURNING read_at
       )
       UPDATE users
       SET unread_count = unread_count + 1 - (SELECT count(*) FROM surplus WHERE read_at IS NULL)
       WHERE id = $2`,
      [id, userId, type, title, body, JSON.stringify(data)],
    );
    this.bus.publishAfterCommit(tx, channelOf(userId), { id });
  }

  async list({ unread, ...page }: NotificationsQuery, { userId }: Principal) {
    const rows = this.notifications.createQueryBuilder('notification').where({
      userId,
      ...(unread !== undefined && { readAt: unread ? IsNull() : Not(IsNull()) }),
    });
    const { data, meta } = await this.paginator.page(rows, {
      list: 'notifications',
      page,
      filters: { userId, unread },
      sorts: { createdAt: 'createdAt' },
    });
    return { data, meta: { ...meta, unreadCount: await this.countUnread(userId) } };
  }

  /** Reading again changes nothing, and keeps the time of the first. */
  async markRead(id: string, { userId }: Principal): Promise<void> {
    if (!(await this.notifications.existsBy({ id, userId }))) throw new NotFoundError();
    await this.read(userId, id);
  }

  markAllRead({ userId }: Principal): Promise<void> {
    return this.read(userId, null);
  }

  /** The next few of a user after a position, oldest first. */
  listAfter(userId: string, position: string, limit: number): Promise<Notification[]> {
    return this.notifications.find({
      where: { userId, position: MoreThan(position) },
      order: { position: 'ASC' },
      take: limit,
    });
  }

  /**
   * The position after which a stream begins: that of the last notification that its client has seen, or else the
   * newest. One that was removed since was older than all that are kept.
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

  /** One, or all where no id is given. */
  private read(userId: string, id: string | null): Promise<void> {
    return this.db.transaction(async (tx) => {
      await lockUser(userId, tx);
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

/** False for an account that is gone. NO KEY: rows that refer to the user may be written meanwhile. */
async function lockUser(userId: string, tx: EntityManager): Promise<boolean> {
  const rows = await tx.query<unknown[]>(
    `SELECT FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`,
    [userId],
  );
  return rows.length > 0;
}
