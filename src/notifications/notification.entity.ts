import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.ts';

export const notificationTypes = [
  'job-completed',
  'job-failed',
  'refresh-token-reused',
  'password-changed',
  'email-changed',
  'identity-linked',
  'identity-unlinked',
  'webhook-endpoint-disabled',
] as const;
export type NotificationType = (typeof notificationTypes)[number];

/** A message to one person, shown in the application. */
@Entity('notifications')
@Index('notifications_position_idx', ['userId', 'position'])
@Index('notifications_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('notifications_unread_idx', ['userId', 'createdAt', 'id'], { where: 'read_at IS NULL' })
export class Notification {
  @PrimaryColumn('uuid')
  id!: string;

  /** In the order of the commits, for one user: what a stream goes on from. A bigint, so the driver gives a string. */
  @Column({
    type: 'bigint',
    generated: 'identity',
    generatedIdentity: 'ALWAYS',
    insert: false,
    update: false,
  })
  position!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'notifications_user_id_fkey' })
  user?: User;

  @Column('text')
  type!: NotificationType;

  @Column('text')
  title!: string;

  @Column('text')
  body!: string;

  /** What a client may want to link to: ids, no secrets. */
  @Column('jsonb', { default: {} })
  data!: Record<string, unknown>;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  readAt!: Date | null;

  /** Of the statement and not of its transaction, so that it follows the order under the lock. */
  @CreateDateColumn({ type: 'timestamptz', precision: 3, default: () => 'clock_timestamp()' })
  createdAt!: Date;
}
