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

/** `own`: what happens to its owner; `all`: to anybody, for administrators. */
export const webhookScopes = ['own', 'all'] as const;
export type WebhookScope = (typeof webhookScopes)[number];

/** Why we stopped: the receiver said that it is gone, or has failed for days. */
export const disabledReasons = ['gone', 'failing', 'access-reset'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

/** Where somebody wants to be told of events. */
@Entity('webhook_endpoints')
@Check('webhook_endpoints_scope_check', `scope IN ('own', 'all')`)
@Check('webhook_endpoints_disabled_reason_check', `disabled_reason IN ('gone', 'failing', 'access-reset')`)
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

  /** Encrypted, as is the one before. */
  @Column('text')
  secret!: string;

  @Column('text', { nullable: true })
  previousSecret!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  previousSecretExpiresAt!: Date | null;

  /** The first failure since the last success. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  failingSince!: Date | null;

  /** Counts changes; the ETag of the resource. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt!: Date;
}
