import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { Session } from '../sessions/session.entity.ts';
import type { ProviderName } from './identity.entity.ts';

/** A sign-in that a browser has started at a provider. Works once. */
@Entity('oauth_attempts')
@Unique('oauth_attempts_state_hash_key', ['stateHash'])
@Index('oauth_attempts_link_session_id_idx', ['linkSessionId'])
@Index('oauth_attempts_expires_at_idx', ['expiresAt'])
export class OAuthAttempt {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  provider!: ProviderName;

  /** SHA-256, like every secret here, so that a leaked database contains no usable secret. */
  @Column('bytea')
  stateHash!: Buffer;

  @Column('bytea')
  browserHash!: Buffer;

  @Column('text')
  codeVerifier!: string;

  @Column('text')
  nonce!: string;

  @Column('text')
  returnTo!: string;

  /** The session that asked to link the provider; null for a sign-in. */
  @Column('uuid', { nullable: true })
  linkSessionId!: string | null;

  @ManyToOne(() => Session, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'link_session_id', foreignKeyConstraintName: 'oauth_attempts_link_session_id_fkey' })
  linkSession?: Session;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;
}
