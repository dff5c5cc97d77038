import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateFiles1764300000000 implements MigrationInterface {
  name = 'CreateFiles1764300000000';

  async up(db: QueryRunner): Promise<void> {
    // A file outlives its account until a worker has removed its object from the storage.
    await db.query(`
      CREATE TABLE files (
        id uuid NOT NULL,
        user_id uuid,
        purpose text NOT NULL,
        name text NOT NULL,
        type text NOT NULL,
        size bigint NOT NULL,
        state text NOT NULL DEFAULT 'pending',
        object_key text,
        sha256 bytea,
        attached_at timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT files_pkey PRIMARY KEY (id),
        CONSTRAINT files_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL,
        CONSTRAINT files_size_check CHECK (size > 0),
        CONSTRAINT files_state_check CHECK (state IN ('pending', 'ready', 'deleted')),
        CONSTRAINT files_ready_check CHECK (state <> 'ready' OR object_key IS NOT NULL AND sha256 IS NOT NULL)
      )`);
    await db.query(`CREATE INDEX files_user_id_idx ON files (user_id, created_at, id)`);
    // For the worker that removes objects of deleted and of unused files.
    await db.query(`CREATE INDEX files_deleted_idx ON files (id) WHERE state = 'deleted'`);
    await db.query(
      `CREATE INDEX files_unused_idx ON files (created_at) WHERE attached_at IS NULL AND state <> 'deleted'`,
    );
    // For the search for objects without a file.
    await db.query(`CREATE INDEX files_object_key_idx ON files (object_key)`);

    // NOT VALID skips only older rows: each new row is checked.
    await db.query(`
      ALTER TABLE users ADD CONSTRAINT users_avatar_file_id_fkey
        FOREIGN KEY (avatar_file_id) REFERENCES files (id) ON DELETE SET NULL NOT VALID`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`ALTER TABLE users DROP CONSTRAINT users_avatar_file_id_fkey`);
    await db.query(`DROP TABLE files`);
  }
}
