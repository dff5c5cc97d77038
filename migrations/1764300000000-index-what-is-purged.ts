import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexWhatIsPurged1764300000000 implements MigrationInterface {
  name = 'IndexWhatIsPurged1764300000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL`);
    await db.query(`CREATE INDEX mails_created_at_idx ON mails (created_at)`);
    // The report of an import belongs to its job from the start; so far the job had it only once it was complete.
    await db.query(`
      UPDATE jobs SET result_file_id = job_files.id FROM job_files
      WHERE jobs.type = 'user-import' AND jobs.result_file_id IS NULL
        AND job_files.id = (jobs.checkpoint ->> 'reportFileId')::uuid`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP INDEX mails_created_at_idx`);
    await db.query(`DROP INDEX jobs_finished_at_idx`);
  }
}
