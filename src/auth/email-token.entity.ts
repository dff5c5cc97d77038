import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  Unique,
} from 'typeorm';
import { User } from '../users/user.entity.ts';

export const tokenPurposes = ['verify-email', 'reset-password', 'confirm-email-change'] as const;
export type TokenPurpose = (typeof tokenPurposes)[number];

/** The token of a link in a mail. Proves, for one purpose, that its bearer can read the mailbox. */
@Entity('email_tokens')
@Unique('email_tokens_token_hash_key', ['tokenHash'])
@Index('email_tokens_user_id_idx', ['userId', 'purpose', 'createdAt'])
@Index('email_tokens_expires_at_idx', ['expiresAt'])
export class EmailToken {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'email_tokens_user_id_fkey' })
  user?: User;

  @Column('text')
  purpose!: TokenPurpose;

  /** The email that the link was sent to. The token proves only this email. */
  @Column('text')
  email!: string;

  /** SHA-256. A fast hash is enough for 256 random bits (OWASP ASVS 5.0, 6.5.2). */
  @Column('bytea')
  tokenHash!: Buffer;

  /** The password of the registration attempt that this token verifies. */
  @Column('text', { nullable: true })
  passwordHash!: string | null;

  /** The name of the registration attempt that this token verifies. */
  @Column('text', { nullable: true })
  displayName!: string | null;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;

  /** The token is kept for an hour after its use, so that a second click on the link is no error. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  consumedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
