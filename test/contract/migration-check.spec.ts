import { describe, expect, it } from '@jest/globals';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkMigrations, type MigrationClass } from '../../scripts/check-migrations.ts';
import { changeInBatches, createIndexConcurrently } from '../../src/platform/database/migration-steps.ts';
import { migrations } from '../../src/platform/database/migrations.ts';

describe('the check of the migrations', () => {
  it('accepts the migrations of this repository', async () => {
    expect(await checkMigrations(migrations)).toEqual([]);
  });

  it.each([
    ['an index that blocks writes', ['CREATE INDEX a_idx ON jobs (result)'], /require-concurrent-index/],
    [
      'a required column without a default',
      ['ALTER TABLE jobs ADD COLUMN a text NOT NULL'],
      /adding-required/,
    ],
    [
      'a constraint that is checked at once',
      ['ALTER TABLE jobs ADD CONSTRAINT a CHECK (progress >= 0)'],
      /constraint-missing-not-valid/,
    ],
    ['a renamed column', ['ALTER TABLE jobs RENAME COLUMN input TO a'], /renaming-column/],
    ['a dropped column', ['ALTER TABLE jobs DROP COLUMN input'], /ban-drop-column/],
    [
      'two tables that are locked in one transaction',
      ['ALTER TABLE jobs ADD COLUMN a text', 'ALTER TABLE users ADD COLUMN a text'],
      /locks jobs and users in one transaction/,
    ],
    [
      'a new table that references two others',
      [
        'CREATE TABLE a (id uuid, CONSTRAINT b FOREIGN KEY (b) REFERENCES users (id), FOREIGN KEY (c) REFERENCES jobs (id))',
      ],
      /locks users and jobs in one transaction/,
    ],
    ['a backfill in one transaction', [`UPDATE jobs SET result = '{}'`], /changes rows of jobs/],
  ])('rejects %s', async (_what, statements, finding) => {
    expect((await checkMigrations([migrationOf(statements)])).join('\n')).toMatch(finding);
  });

  it.each([
    [
      'an index that is created concurrently',
      (db: QueryRunner) => createIndexConcurrently(db, 'a_idx', 'ON jobs (result)'),
    ],
    [
      'a backfill in batches',
      (db: QueryRunner) => changeInBatches(db, { table: 'jobs', set: 'a = 1', where: 'a IS NULL' }),
    ],
  ])('accepts %s', async (_what, step) => {
    class Add1900000000000 implements MigrationInterface {
      name = 'Add1900000000000';
      transaction = false;
      up = step;
      down = async () => undefined;
    }

    expect(await checkMigrations([Add1900000000000])).toEqual([]);
  });
});

function migrationOf(statements: string[]): MigrationClass {
  return class Add1900000000000 implements MigrationInterface {
    name = 'Add1900000000000';

    async up(db: QueryRunner): Promise<void> {
      for (const statement of statements) await db.query(statement);
    }

    down = async () => undefined;
  };
}
