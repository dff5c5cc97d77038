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

/** One event for one endpoint. Written in the transaction of the event; the dispatcher of a worker sends it. */
@Entity('webhook_deliveries')
@Unique('webhook_deliveries_endpoint_id_event_id_key', ['endpointId', 'eventId'])
@Check('webhook_deliveries_status_check', `status IN ('pending', 'delivered', 'failed')`)
@Index('webhook_deliveries_endpoint_id_idx', ['endpointId', 'createdAt', 'id'])
@Index('webhook_deliveries_status_idx', ['endpointId', 'status', 'createdAt', 'id'])
@Index('webhook_deliveries_subject_id_idx', ['subjectId'])
@Index('webhook_deliveries_created_at_idx', ['createdAt'])
@Index('webhook_deliveries_ready_idx', ['endpointId', 'nextAttemptAt', 'id'], {
  where: `status = 'pending' AND is_ready`,
})
// An index on coalesce(leased_until, next_attempt_at), which the decorator can't express.
@Index('webhook_deliveries_due_idx', { synchronize: false })
@Index('webhook_deliveries_leased_idx', ['leasedUntil', 'endpointId'], { where: 'leased_until IS NOT NULL' })
@Index('webhook_deliveries_ping_idx', ['endpointId'], {
  where: `status = 'pending' AND event_type = 'ping'`,
})
export class WebhookDelivery {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  endpointId!: string;

  @ManyToOne(() => WebhookEndpoint, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'endpoint_id', foreignKeyConstraintName: 'webhook_deliveries_endpoint_id_fkey' })
  endpoint?: WebhookEndpoint;

  /** The `webhook-id` of every attempt. Receivers recognize duplicates by it. */
  @Column('uuid')
  eventId!: string;

  @Column('text')
  eventType!: string;

  /** The user whose data the payload contains. */
  @Column('uuid', { nullable: true })
  subjectId!: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'subject_id', foreignKeyConstraintName: 'webhook_deliveries_subject_id_fkey' })
  subject?: User | null;

  /** The exact text that is signed and sent. */
  @Column('text')
  payload!: string;

  /** Of the request or job that caused the event, or that requested the redelivery. */
  @Column('text')
  correlationId!: string;

  @Column('text', { nullable: true })
  traceparent!: string | null;

  @Column('text', { default: 'pending' })
  status!: DeliveryStatus;

  /** The dispatcher may claim it. False while an attempt is in flight or scheduled for later. */
  @Column('boolean', { default: true })
  isReady!: boolean;

  /** An attempt is in flight. If its worker dies, the delivery becomes ready again at this time. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  leasedUntil!: Date | null;

  /** The claim whose outcome counts. Null after a redelivery, so that the outcome of an earlier attempt is dropped. */
  @Column('uuid', { nullable: true })
  leaseToken!: string | null;

  /** All attempts, also those before a redelivery. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** Failed attempts since the event or the last redelivery. Decides the delay before the next one. */
  @Column('integer', { default: 0 })
  failures!: number;

  @Column('integer', { nullable: true })
  lastStatusCode!: number | null;

  @Column('integer', { nullable: true })
  lastDurationMs!: number | null;

  @Column('text', { nullable: true })
  lastError!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  nextAttemptAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deliveredAt!: Date | null;
}

/** One attempt to send a delivery, and its outcome. Only the owner of the endpoint can read it. */
@Entity('webhook_attempts')
@Index('webhook_attempts_delivery_id_idx', ['deliveryId', 'createdAt', 'id'])
export class WebhookAttempt {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  deliveryId!: string;

  @ManyToOne(() => WebhookDelivery, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'delivery_id', foreignKeyConstraintName: 'webhook_attempts_delivery_id_fkey' })
  delivery?: WebhookDelivery;

  @Column('integer', { nullable: true })
  statusCode!: number | null;

  @Column('integer')
  durationMs!: number;

  @Column('text', { nullable: true })
  error!: string | null;

  /** The start of the response body. */
  @Column('text')
  response!: string;

  /** The end of the attempt. */
  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
