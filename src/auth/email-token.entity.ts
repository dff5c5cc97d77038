import {
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  Unique,
  Index,
} from 'typeorm';
import { User } from '../users/user.entity.ts';

export type TokenPurpose = 'verify-email' | 'reset-password' | 'confirm-email-change';

/** A secret that was mailed. One a purpose: writing a newer one voids the older. */
@Entity('email_tokens')
@Unique('email_tokens_user_id_purpose_key', ['userId', 'purpose'])
@Unique('email_tokens_token_hash_key', ['tokenHash'])
@Index('email_tokens_expires_at_idx', ['expiresAt'])
export class EmailToken {
  /** That of the mail it is in. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'email_tokens_user_id_fkey' })
  user?: User;

  @Column('text')
  purpose!: TokenPurpose;

  /** The address it was sent to: it proves that one and no other. */
  @Column('text')
  email!: string;

  /** SHA-256. A slow hash is for guessable secrets; this one has 256 bits of a MAC (OWASP ASVS 5.0, 6.5.2). */
  @Column('bytea')
  tokenHash!: Buffer;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
