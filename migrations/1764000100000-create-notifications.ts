import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateNotifications1764000100000 implements MigrationInterface {
  name = 'CreateNotifications1764000100000';

  async up(db: QueryRunner): Promise<void> {
    // A position is assigned while the user's row is locked. So one user's positions follow the order of commits, and a
    // stream that resumes after a position misses nothing. Ids and times are assigned earlier and don't guarantee this.
    await db.query(`
      CREATE TABLE notifications (
        id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        user_id uuid NOT NULL,
        type text NOT NULL,
        data jsonb NOT NULL,
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
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE notifications`);
  }
}
