import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateNotifications1764000100000 implements MigrationInterface {
  name = 'CreateNotifications1764000100000';

  async up(db: QueryRunner): Promise<void> {
    // A position is drawn under the lock of the user's row, so for one user positions follow the order of the commits:
    // whoever has read up to one has missed none before it. An id or a time, made earlier, would not say that.
    await db.query(`
      CREATE TABLE notifications (
        id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        user_id uuid NOT NULL,
        type text NOT NULL,
        title text NOT NULL,
        body text NOT NULL,
        data jsonb NOT NULL DEFAULT '{}',
        read_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT notifications_pkey PRIMARY KEY (id),
        CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await db.query(`CREATE INDEX notifications_position_idx ON notifications (user_id, position)`);
    await db.query(`CREATE INDEX notifications_user_id_idx ON notifications (user_id, created_at, id)`);
    await db.query(
      `CREATE INDEX notifications_unread_idx ON notifications (user_id, created_at, id) WHERE read_at IS NULL`,
    );
    await db.query(`
      ALTER TABLE users ADD COLUMN unread_count integer NOT NULL DEFAULT 0
      CONSTRAINT users_unread_count_check CHECK (unread_count >= 0)`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users DROP COLUMN unread_count`);
    await db.query(`DROP TABLE notifications`);
  }
}
