import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../../users/user.entity.ts';

/** Why a session was revoked. */
export type RevokedReason =
  | 'logout'
  | 'ended-by-user'
  | 'replaced'
  | 'excess'
  | 'reuse'
  | 'password-changed'
  | 'password-reset'
  | 'email-changed'
  | 'identity-changed'
  | 'role-changed'
  | 'suspended'
  | 'deleted';

/** One sign-in. Its refresh tokens are derived from `salt` and `rotationCounter`, so no token is stored. */
@Entity('sessions')
@Index('sessions_user_id_idx', ['userId', 'createdAt', 'id'])
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

  /** How often the refresh token was rotated. The current token contains this number. */
  @Column('integer', { default: 0 })
  rotationCounter!: number;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  rotatedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  lastUsedAt!: Date;

  /** Absolute expiry. Rotation does not extend it. */
  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  revokedAt!: Date | null;

  @Column('text', { nullable: true })
  revokedReason!: RevokedReason | null;
}
