import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateWebhookAttempts1764200200000 implements MigrationInterface {
  name = 'CreateWebhookAttempts1764200200000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE webhook_attempts (
        id uuid NOT NULL,
        delivery_id uuid NOT NULL,
        status_code integer,
        duration_ms integer NOT NULL,
        error text,
        response text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT webhook_attempts_pkey PRIMARY KEY (id),
        CONSTRAINT webhook_attempts_delivery_id_fkey
          FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries (id) ON DELETE CASCADE
      )`);
    await db.query(
      `CREATE INDEX webhook_attempts_delivery_id_idx ON webhook_attempts (delivery_id, created_at, id)`,
    );
    // Each attempt has its own now. Nothing but workers of before the first release has ever written it.
    await db.query(`ALTER TABLE webhook_deliveries DROP COLUMN last_response`);
    // Signed, but not what its type promises: kept apart from what merely means nothing to us.
    await db.query(`
      ALTER TABLE inbound_webhooks
        DROP CONSTRAINT inbound_webhooks_outcome_check,
        ADD CONSTRAINT inbound_webhooks_outcome_check CHECK (outcome IN ('handled', 'ignored', 'invalid'))`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`UPDATE inbound_webhooks SET outcome = 'ignored' WHERE outcome = 'invalid'`);
    await db.query(`
      ALTER TABLE inbound_webhooks
        DROP CONSTRAINT inbound_webhooks_outcome_check,
        ADD CONSTRAINT inbound_webhooks_outcome_check CHECK (outcome IN ('handled', 'ignored'))`);
    await db.query(`ALTER TABLE webhook_deliveries ADD COLUMN last_response text`);
    await db.query(`DROP TABLE webhook_attempts`);
  }
}
