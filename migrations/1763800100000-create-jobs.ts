import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateJobs1763800100000 implements MigrationInterface {
  name = 'CreateJobs1763800100000';

  async up(db: QueryRunner): Promise<void> {
    // Files are stored here and not on a disk, so that any worker can read them.
    await db.query(`
      CREATE TABLE job_files (
        id uuid NOT NULL,
        job_id uuid,
        name text NOT NULL,
        media_type text NOT NULL,
        size integer NOT NULL DEFAULT 0,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT job_files_pkey PRIMARY KEY (id)
      )`);
    await db.query(`CREATE INDEX job_files_job_id_idx ON job_files (job_id)`);
    await db.query(`CREATE INDEX job_files_unused_idx ON job_files (created_at) WHERE job_id IS NULL`);
    await db.query(`
      CREATE TABLE job_file_chunks (
        file_id uuid NOT NULL,
        position integer NOT NULL,
        data bytea NOT NULL,
        CONSTRAINT job_file_chunks_pkey PRIMARY KEY (file_id, position),
        CONSTRAINT job_file_chunks_file_id_fkey FOREIGN KEY (file_id) REFERENCES job_files (id) ON DELETE CASCADE
      )`);

    await db.query(`
      CREATE TABLE jobs (
        id uuid NOT NULL,
        type text NOT NULL,
        status text NOT NULL DEFAULT 'queued',
        priority smallint NOT NULL DEFAULT 0,
        unique_key text,
        unique_until timestamptz(3),
        concurrency_key text,
        slot text,
        user_id uuid,
        input jsonb NOT NULL,
        input_file_id uuid,
        result jsonb,
        result_file_id uuid,
        checkpoint jsonb,
        progress smallint NOT NULL DEFAULT 0,
        attempts integer NOT NULL DEFAULT 0,
        stalls integer NOT NULL DEFAULT 0,
        lease uuid,
        heartbeat_at timestamptz(3),
        available_at timestamptz(3) NOT NULL DEFAULT now(),
        dispatched_at timestamptz(3),
        cancel_requested_at timestamptz(3),
        error_code text,
        error_message text,
        correlation_id text NOT NULL,
        traceparent text,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        started_at timestamptz(3),
        finished_at timestamptz(3),
        CONSTRAINT jobs_pkey PRIMARY KEY (id),
        CONSTRAINT jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT jobs_status_check CHECK (status IN ('queued', 'active', 'completed', 'failed', 'cancelled')),
        CONSTRAINT jobs_progress_check CHECK (progress BETWEEN 0 AND 100),
        CONSTRAINT jobs_priority_check CHECK (priority BETWEEN 0 AND 9),
        CONSTRAINT jobs_slot_check CHECK (slot IN ('waiting', 'granted'))
      )`);
    // For a user's own jobs: all, by type, by status. Most jobs belong to no user and are left out.
    await db.query(
      `CREATE INDEX jobs_user_id_idx ON jobs (user_id, created_at, id) WHERE user_id IS NOT NULL`,
    );
    await db.query(
      `CREATE INDEX jobs_user_id_type_idx ON jobs (user_id, type, created_at, id) WHERE user_id IS NOT NULL`,
    );
    await db.query(
      `CREATE INDEX jobs_user_id_status_idx ON jobs (user_id, status, created_at, id) WHERE user_id IS NOT NULL`,
    );
    // For an admin's list of all jobs: all, by status, by type, by both.
    await db.query(`CREATE INDEX jobs_created_at_idx ON jobs (created_at, id)`);
    await db.query(`CREATE INDEX jobs_status_idx ON jobs (status, created_at, id)`);
    await db.query(`CREATE INDEX jobs_type_idx ON jobs (type, created_at, id)`);
    await db.query(`CREATE INDEX jobs_type_status_idx ON jobs (type, status, created_at, id)`);
    await db.query(`CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL`);
    // For the sweep: jobs to dispatch for the first time, jobs to dispatch again, jobs whose worker may have died.
    await db.query(
      `CREATE INDEX jobs_undispatched_idx ON jobs (available_at) WHERE status = 'queued' AND dispatched_at IS NULL`,
    );
    await db.query(`CREATE INDEX jobs_dispatched_idx ON jobs (dispatched_at) WHERE status = 'queued'`);
    await db.query(`CREATE INDEX jobs_active_idx ON jobs (id) WHERE status = 'active'`);
    // A second job with the key of an unfinished one, or of one whose window is open, is rejected.
    await db.query(
      `CREATE UNIQUE INDEX jobs_unique_key_key ON jobs (type, unique_key)
       WHERE unique_key IS NOT NULL AND (status IN ('queued', 'active') OR unique_until IS NOT NULL)`,
    );
    // For the retry of failed jobs: only one job per unique key is retried.
    await db.query(
      `CREATE INDEX jobs_unique_key_idx ON jobs (type, unique_key, id) WHERE unique_key IS NOT NULL`,
    );
    // For the limit of a concurrency key: jobs that have a slot, and jobs that wait for one, next first.
    await db.query(
      `CREATE INDEX jobs_slot_taken_idx ON jobs (concurrency_key)
       WHERE concurrency_key IS NOT NULL AND (status = 'active' OR slot = 'granted')`,
    );
    await db.query(
      `CREATE INDEX jobs_slot_waiting_idx ON jobs (concurrency_key, priority, id) WHERE slot = 'waiting'`,
    );
    // While a type has a row, workers claim no jobs of the type.
    await db.query(`
      CREATE TABLE paused_queues (
        type text NOT NULL,
        paused_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT paused_queues_pkey PRIMARY KEY (type)
      )`);
    // Deletes the files with their job.
    await db.query(`
      ALTER TABLE job_files ADD CONSTRAINT job_files_job_id_fkey
        FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE paused_queues`);
    await db.query(`DROP TABLE job_file_chunks`);
    await db.query(`DROP TABLE job_files`);
    await db.query(`DROP TABLE jobs`);
  }
}
