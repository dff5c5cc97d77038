import { Column, CreateDateColumn, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { User } from '../../users/user.entity.ts';

export const providerNames = ['google', 'github', 'apple'] as const;
export type ProviderName = (typeof providerNames)[number];

/** Links a user of a provider to an account. Identified by provider and subject, never by email. */
@Entity('identities')
@Unique('identities_provider_subject_key', ['provider', 'subject'])
@Unique('identities_user_id_provider_key', ['userId', 'provider'])
export class Identity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'identities_user_id_fkey' })
  user?: User;

  @Column('text')
  provider!: ProviderName;

  /** The permanent id at the provider: `sub`, or GitHub’s numeric id. */
  @Column('text')
  subject!: string;

  /** Latest verified email from the provider. For display only, never for lookups. */
  @Column('text', { nullable: true })
  email!: string | null;

  /** The user has disabled mail forwarding at the provider. */
  @Column('boolean', { default: false })
  emailMuted!: boolean;

  /** When the user last changed `emailMuted`, by the provider's clock. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  emailMutedChangedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
