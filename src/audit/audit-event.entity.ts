import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** Who did what, and from where. Append-only: a trigger rejects updates and deletes. */
@Entity('audit_events')
@Index('audit_events_created_at_idx', ['createdAt', 'id'])
@Index('audit_events_type_idx', ['type', 'createdAt', 'id'])
@Index('audit_events_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('audit_events_user_id_type_idx', ['userId', 'type', 'createdAt', 'id'])
export class AuditEvent {
  @PrimaryColumn('uuid')
  id!: string;

  /** The name of a registered type, or of a type that only another release knows. */
  @Column('text')
  type!: string;

  /** The affected account. Null if there is none, also for a sign-in with an unknown email. */
  @Column('uuid', { nullable: true })
  userId!: string | null;

  /** The user who did it. Null for an anonymous caller. */
  @Column('uuid', { nullable: true })
  actorId!: string | null;

  @Column('text', { nullable: true })
  ipAddress!: string | null;

  @Column('text', { nullable: true })
  userAgent!: string | null;

  @Column('text', { nullable: true })
  correlationId!: string | null;

  /** Details. No secrets and no emails. */
  @Column('jsonb', { default: {} })
  data!: Record<string, unknown>;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
