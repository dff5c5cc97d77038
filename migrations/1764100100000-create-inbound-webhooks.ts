import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateInboundWebhooks1764100100000 implements MigrationInterface {
  name = 'CreateInboundWebhooks1764100100000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE inbound_webhooks (
        id uuid NOT NULL,
        source text NOT NULL,
        event_id text NOT NULL,
        event_type text NOT NULL,
        payload text NOT NULL,
        outcome text,
        received_at timestamptz(3) NOT NULL DEFAULT now(),
        processed_at timestamptz(3),
        CONSTRAINT inbound_webhooks_pkey PRIMARY KEY (id),
        CONSTRAINT inbound_webhooks_source_event_id_key UNIQUE (source, event_id),
        CONSTRAINT inbound_webhooks_outcome_check CHECK (outcome IN ('handled', 'ignored', 'invalid'))
      )`);
    await db.query(`CREATE INDEX inbound_webhooks_received_at_idx ON inbound_webhooks (received_at)`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE inbound_webhooks`);
  }
}
