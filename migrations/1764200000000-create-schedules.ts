import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSchedules1764200000000 implements MigrationInterface {
  name = 'CreateSchedules1764200000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE schedules (
        name text NOT NULL,
        cron text NOT NULL,
        timezone text NOT NULL,
        handled_until timestamptz(3) NOT NULL,
        confirmed_at timestamptz(3) NOT NULL,
        paused_at timestamptz(3),
        last_run_at timestamptz(3),
        last_job_id uuid,
        CONSTRAINT schedules_pkey PRIMARY KEY (name)
      )`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE schedules`);
  }
}
