import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../../users/user.entity.ts';

/** Why a session ended before its time. */
export type RevokedReason =
  | 'logout'
  | 'ended-by-user'
  | 'replaced'
  | 'surplus'
  | 'reuse'
  | 'password-changed'
  | 'password-reset'
  | 'email-changed'
  | 'identity-changed'
  | 'role-changed'
  | 'suspended'
  | 'deleted';

/** One sign-in. Its refresh tokens are derived from `salt` and `rotationCounter`, so none is stored. */
@Entity('sessions')
@Index('sessions_user_id_idx', ['userId'])
@Index('sessions_active_idx', ['userId', 'createdAt', 'id'], { where: 'revoked_at IS NULL' })
@Index('sessions_expires_at_idx', ['expiresAt'])
@Index('sessions_revoked_at_idx', ['revokedAt'], { where: 'revoked_at IS NOT NULL' })
export class Session {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'sessions_user_id_fkey' })
  user?: User;

  @Column('text', { nullable: true })
  userAgent!: string | null;

  @Column('text', { nullable: true })
  ipAddress!: string | null;

  @Column('bytea')
  salt!: Buffer;

  /** How often the refresh token was exchanged: the current token carries this number. */
  @Column('integer', { default: 0 })
  rotationCounter!: number;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  rotatedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  lastUsedAt!: Date;

  /** The absolute end; rotation never moves it. */
  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  revokedAt!: Date | null;

  @Column('text', { nullable: true })
  revokedReason!: RevokedReason | null;
}
