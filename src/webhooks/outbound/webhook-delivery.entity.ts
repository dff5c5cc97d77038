import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  Unique,
} from 'typeorm';
import { User } from '../../users/user.entity.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

export const deliveryStatuses = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** One event on its way to one endpoint. Written in the transaction of the event; a job of its own delivers it. */
@Entity('webhook_deliveries')
@Unique('webhook_deliveries_endpoint_id_event_id_key', ['endpointId', 'eventId'])
@Check('webhook_deliveries_status_check', `status IN ('pending', 'delivered', 'failed')`)
@Index('webhook_deliveries_endpoint_id_idx', ['endpointId', 'createdAt', 'id'])
@Index('webhook_deliveries_status_idx', ['endpointId', 'status', 'createdAt', 'id'])
@Index('webhook_deliveries_subject_id_idx', ['subjectId'])
@Index('webhook_deliveries_created_at_idx', ['createdAt'])
@Index('webhook_deliveries_sending_idx', ['endpointId'], { where: 'sending_until IS NOT NULL' })
export class WebhookDelivery {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  endpointId!: string;

  @ManyToOne(() => WebhookEndpoint, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'endpoint_id', foreignKeyConstraintName: 'webhook_deliveries_endpoint_id_fkey' })
  endpoint?: WebhookEndpoint;

  /** The `webhook-id` that receivers know the event by, the same at every attempt. */
  @Column('uuid')
  eventId!: string;

  @Column('text')
  eventType!: string;

  /** Whose data the payload holds. */
  @Column('uuid', { nullable: true })
  subjectId!: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'subject_id', foreignKeyConstraintName: 'webhook_deliveries_subject_id_fkey' })
  subject?: User | null;

  /** The exact text that is signed and sent. */
  @Column('text')
  payload!: string;

  @Column('text', { default: 'pending' })
  status!: DeliveryStatus;

  /** The job that delivers it; an older one leaves it alone. */
  @Column('uuid')
  jobId!: string;

  @Column('integer', { default: 0 })
  attempts!: number;

  @Column('integer', { nullable: true })
  lastStatusCode!: number | null;

  @Column('integer', { nullable: true })
  lastDurationMs!: number | null;

  @Column('text', { nullable: true })
  lastError!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  nextAttemptAt!: Date | null;

  /** An attempt is being made, and has ended by then. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  sendingUntil!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deliveredAt!: Date | null;
}
