import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.ts';

/** A message to one user, shown in the application. */
@Entity('notifications')
@Index('notifications_position_idx', ['userId', 'position'])
@Index('notifications_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('notifications_unread_idx', ['userId', 'createdAt', 'id'], { where: 'read_at IS NULL' })
export class Notification {
  @PrimaryColumn('uuid')
  id!: string;

  /** Follows the commit order of one user's notifications, so a stream resumes from it. A bigint, which the driver returns as a string. */
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

  /** The name of a registered type, or of a type that only another release knows. */
  @Column('text')
  type!: string;

  /** Valid for the schema of the type. The text is rendered from it when it is read (docs/decisions/0061). */
  @Column('jsonb')
  data!: Record<string, unknown>;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  readAt!: Date | null;

  /** The time of the statement, not of its transaction, so that the times follow the order of the locks. */
  @CreateDateColumn({ type: 'timestamptz', precision: 3, default: () => 'clock_timestamp()' })
  createdAt!: Date;
}
