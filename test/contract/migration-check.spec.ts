import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkMigrations } from '../../scripts/check-migrations.ts';
import {
  addUniqueConcurrently,
  changeInBatches,
  createIndexConcurrently,
} from '../../src/platform/database/migration-steps.ts';
import { loadMigrations, type MigrationClass, migrations } from '../../src/platform/database/migrations.ts';

describe('the folder of migrations', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'migrations-'));
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  const load = (files: Record<string, string>) => {
    for (const [name, source] of Object.entries(files)) writeFileSync(join(dir, name), source);
    return loadMigrations(pathToFileURL(`${dir}/`));
  };

  it('is loaded oldest first, without a list', async () => {
    const loaded = await load({
      '1900000000001-b.js': 'export class B1900000000001 {}',
      '1900000000000-c.js': 'export class C1900000000000 {}',
      '1900000000000-c.js.map': '{}',
    });

    expect(loaded.map(({ name }) => name)).toEqual(['C1900000000000', 'B1900000000001']);
  });

  it.each([
    ['a file without a number', 'add-a.js', 'export class A1900000000000 {}', /add-a\.js: name the file/],
    [
      'a class with another number',
      '1900000000000-a.js',
      'export class A1900000000001 {}',
      /1900000000000-a\.js: export one class/,
    ],
    ['a file without a class', '1900000000000-a.js', 'export {}', /1900000000000-a\.js: export one class/],
    [
      'a file with two classes',
      '1900000000000-a.js',
      'export class A1900000000000 {}; export class B1900000000000 {}',
      /1900000000000-a\.js: export one class/,
    ],
  ])('rejects %s', async (_what, name, source, message) => {
    await expect(load({ [name]: source })).rejects.toThrow(message);
  });
});

describe('the check of the migrations', () => {
  it('accepts the migrations of this repository', async () => {
    expect(await checkMigrations(migrations)).toEqual([]);
  });

  it('rejects a draft', async () => {
    const draft = Object.assign(migrationOf(['SELECT 1']), { isDraft: true });

    expect(await checkMigrations([draft])).toEqual([expect.stringContaining('is a draft')]);
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
      /locks users and jobs in one transaction.*ADD CONSTRAINT … FOREIGN KEY … NOT VALID/,
    ],
    [
      'a foreign key and the lock of a third table',
      [
        'ALTER TABLE mails ADD CONSTRAINT b FOREIGN KEY (user_id) REFERENCES jobs (id) NOT VALID',
        'ALTER TABLE users ADD COLUMN a text',
      ],
      /locks mails and jobs and users in one transaction/,
    ],
    [
      'a foreign key without an index',
      [
        'CREATE TABLE a (id uuid PRIMARY KEY, user_id uuid NOT NULL, FOREIGN KEY (user_id) REFERENCES users (id))',
      ],
      /the foreign key a\.user_id has no index/,
    ],
    [
      'a foreign key of a column without an index',
      ['CREATE TABLE a (id uuid PRIMARY KEY, b numeric(1, 2), user_id uuid NOT NULL REFERENCES users (id))'],
      /the foreign key a\.user_id has no index/,
    ],
    [
      'a foreign key whose index starts with another column',
      [
        'CREATE TABLE a (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id), UNIQUE (id, user_id))',
        'CREATE INDEX a_idx ON a (id, user_id)',
      ],
      /the foreign key a\.user_id has no index/,
    ],
    [
      'an added foreign key without an index',
      ['ALTER TABLE jobs ADD CONSTRAINT b FOREIGN KEY (other_id) REFERENCES users (id) NOT VALID'],
      /the foreign key jobs\.other_id has no index/,
    ],
    [
      'a reference to a table that no migration creates',
      ['CREATE TABLE a (id uuid PRIMARY KEY REFERENCES unknown (id))'],
      /refers to the table unknown, which neither it nor a migration before it creates/,
    ],
    ['a backfill in one transaction', [`UPDATE jobs SET result = '{}'`], /changes rows of jobs/],
  ])('rejects %s', async (_what, statements, finding) => {
    expect((await checkMigrations([migrationOf(statements)])).join('\n')).toMatch(finding);
  });

  it.each([
    ['an index', 'user_id uuid REFERENCES users (id)', 'CREATE INDEX a_idx ON a USING btree (user_id, id)'],
    [
      'a unique constraint',
      'user_id uuid, FOREIGN KEY (user_id) REFERENCES users (id), UNIQUE (user_id, id)',
      '',
    ],
    ['a primary key', 'user_id uuid PRIMARY KEY REFERENCES users (id)', ''],
  ])('accepts a foreign key that starts %s', async (_what, columns, index) => {
    const statements = [`CREATE TABLE a (id uuid, ${columns})`, index].filter(Boolean);

    expect((await checkMigrations([migrationOf(statements)])).join('\n')).not.toMatch(/foreign key/);
  });

  it('accepts one foreign key between two existing tables', async () => {
    const statements = [
      '-- Not valid for older rows only.\nALTER TABLE mails ADD CONSTRAINT b FOREIGN KEY (user_id) REFERENCES jobs (id) NOT VALID',
      'CREATE TABLE a (id uuid)',
    ];

    const findings = (await checkMigrations([migrationOf(statements)])).join('\n');

    expect(findings).not.toMatch(/locks/);
  });

  it('names the migration and the rule of squawk', async () => {
    const findings = await checkMigrations([migrationOf(['ALTER TABLE jobs RENAME COLUMN input TO a'])]);

    expect(findings).toEqual([expect.stringMatching(/^Add1900000000000: renaming-column /)]);
  });

  it.each([
    [
      'an index that is created concurrently',
      (db: QueryRunner) => createIndexConcurrently(db, 'a_idx', 'ON jobs (result)'),
    ],
    [
      'a unique constraint whose index is created concurrently',
      (db: QueryRunner) => addUniqueConcurrently(db, 'jobs', 'jobs_a_key', 'a, b'),
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
