import { Column, CreateDateColumn, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { User } from '../../users/user.entity.ts';

export const providerNames = ['google', 'github', 'apple'] as const;
export type ProviderName = (typeof providerNames)[number];

/** Somebody at a provider, and whose account that is. Provider and subject name them; the address never does. */
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

  /** As the provider names them for ever: `sub`, or GitHub’s numeric id. */
  @Column('text')
  subject!: string;

  /** What the provider vouched for last; only shown, never looked up. */
  @Column('text', { nullable: true })
  email!: string | null;

  /** The provider says that it forwards no mail to us any more, at the person's wish. */
  @Column('boolean', { default: false })
  emailMuted!: boolean;

  /** When that was decided, by the provider's clock. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  emailMutedChangedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
