import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  UpdateDateColumn,
} from 'typeorm';
import { User } from '../../users/user.entity.ts';

/** `own`: events of its owner. `all`: events of all users, for administrators. */
export const webhookScopes = ['own', 'all'] as const;
export type WebhookScope = (typeof webhookScopes)[number];

/** Why it was disabled: 410 Gone, days of failures, a reset of the account's access, too many pending deliveries. */
export const disabledReasons = ['gone', 'failing', 'access-reset', 'backlog'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

/** A URL that receives events of its owner. */
@Entity('webhook_endpoints')
@Check('webhook_endpoints_scope_check', `scope IN ('own', 'all')`)
@Check(
  'webhook_endpoints_disabled_reason_check',
  `disabled_reason IN ('gone', 'failing', 'access-reset', 'backlog')`,
)
@Index('webhook_endpoints_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('webhook_endpoints_scope_idx', ['id'], { where: `scope = 'all'` })
export class WebhookEndpoint {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'webhook_endpoints_user_id_fkey' })
  user?: User;

  @Column('text')
  url!: string;

  @Column('text', { array: true })
  eventTypes!: string[];

  @Column('text', { default: '' })
  description!: string;

  @Column('boolean', { default: true })
  enabled!: boolean;

  @Column('text', { nullable: true })
  disabledReason!: DisabledReason | null;

  @Column('text', { default: 'own' })
  scope!: WebhookScope;

  /** Encrypted, like the previous one. */
  @Column('text')
  secret!: string;

  @Column('text', { nullable: true })
  previousSecret!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  previousSecretExpiresAt!: Date | null;

  /** The first failure since the last success. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  failingSince!: Date | null;

  /** Deleted for the API. A job removes its deliveries, then the row. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;

  /** Counts changes; the ETag of the resource. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt!: Date;
}
