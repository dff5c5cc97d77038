import type { MigrationInterface, QueryRunner } from 'typeorm';

export class MarkSlowWebhookEndpoints1764300300000 implements MigrationInterface {
  name = 'MarkSlowWebhookEndpoints1764300300000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE webhook_endpoints ADD COLUMN is_slow boolean NOT NULL DEFAULT false`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE webhook_endpoints DROP COLUMN is_slow`);
  }
}
