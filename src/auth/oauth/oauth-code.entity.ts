import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { User } from '../../users/user.entity.ts';
import type { ProviderName } from './identity.entity.ts';

/** A finished sign-in that the frontend has not exchanged for tokens yet. */
@Entity('oauth_codes')
@Unique('oauth_codes_code_hash_key', ['codeHash'])
@Index('oauth_codes_user_id_idx', ['userId'])
@Index('oauth_codes_expires_at_idx', ['expiresAt'])
export class OAuthCode {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('bytea')
  codeHash!: Buffer;

  @Column('bytea')
  browserHash!: Buffer;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'oauth_codes_user_id_fkey' })
  user?: User;

  @Column('text')
  provider!: ProviderName;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt!: Date;
}
