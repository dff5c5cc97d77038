import { Check, Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { Outcome } from './webhook-source.ts';

/** A received event, as it was signed. The unique constraint makes each event count once. */
@Entity('inbound_webhooks')
@Unique('inbound_webhooks_source_event_id_key', ['source', 'eventId'])
@Check('inbound_webhooks_outcome_check', `outcome IN ('handled', 'ignored', 'invalid')`)
@Index('inbound_webhooks_received_at_idx', ['receivedAt'])
export class InboundWebhook {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  source!: string;

  @Column('text')
  eventId!: string;

  @Column('text')
  eventType!: string;

  @Column('text')
  payload!: string;

  @Column('text', { nullable: true })
  outcome!: Outcome | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  receivedAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  processedAt!: Date | null;
}
