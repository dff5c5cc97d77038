import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { loadConfig } from '../../src/platform/config/config.ts';
import { product } from '../../src/platform/config/product.ts';
import { dataSourceOptions } from '../../src/platform/database/data-source.ts';
import { migrate, undoMigrations } from '../../src/platform/database/migrate.ts';
import {
  addUniqueConcurrently,
  changeInBatches,
  createIndexConcurrently,
  dropIndexConcurrently,
} from '../../src/platform/database/migration-steps.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { times, until } from '../support/until.ts';

const ROWS = 200_000;
const WRITERS = 4;

class AddColumn1900000000000 implements MigrationInterface {
  name = 'AddColumn1900000000000';
  up = async (db: QueryRunner) => {
    await db.query('ALTER TABLE samples ADD COLUMN doubled integer');
  };
  down = async () => undefined;
}

class FillColumn1900000000001 implements MigrationInterface {
  name = 'FillColumn1900000000001';
  transaction = false;
  up = (db: QueryRunner) =>
    changeInBatches(db, { table: 'samples', set: 'doubled = 2 * value', where: 'doubled IS NULL' });
  down = async () => undefined;
}

class IndexColumn1900000000002 implements MigrationInterface {
  name = 'IndexColumn1900000000002';
  transaction = false;
  up = (db: QueryRunner) => createIndexConcurrently(db, 'samples_doubled_idx', 'ON samples (doubled)');
  down = (db: QueryRunner) => dropIndexConcurrently(db, 'samples_doubled_idx');
}

const samples = [AddColumn1900000000000, FillColumn1900000000001, IndexColumn1900000000002];

describe('migrations on a large table in use', () => {
  let database: TestDatabase;
  let app: DataSource;
  let admin: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    const options = dataSourceOptions(config(), 'api');
    [app, admin] = await Promise.all([
      new DataSource(options).initialize(),
      new DataSource(options).initialize(),
    ]);
    await app.query('CREATE TABLE samples (id integer PRIMARY KEY, value integer NOT NULL)');
    await app.query('INSERT INTO samples SELECT i, i FROM generate_series(1, $1) AS i', [ROWS]);
  });

  afterAll(async () => {
    await Promise.all([app.destroy(), admin.destroy()]);
    await database.drop();
  });

  const config = () => loadConfig(undefined, { NODE_ENV: 'test', DATABASE_URL: database.url });

  it('wait for locks, fail no statement of the application, and complete', async () => {
    const load = startWrites(app);
    const reader = admin.createQueryRunner();
    await reader.startTransaction();
    await reader.query('SELECT 1 FROM samples LIMIT 1');

    // Two processes, as in a release with two instances.
    const migrating = Promise.all(times(2, () => migrate(config(), samples)));
    await until(() => isWaitingForLock(admin), 'a migration to wait for the lock');
    await reader.commitTransaction();
    await reader.release();
    const applied = await migrating;
    const { statements, errors } = await load.stop();

    expect(applied.flatMap((one) => one.applied)).toEqual(samples.map(({ name }) => name));
    expect(errors).toEqual([]);
    expect(statements).toBeGreaterThan(0);
    const [row] = await app.query(`
      SELECT count(*) FILTER (WHERE doubled IS DISTINCT FROM 2 * value)::int AS wrong,
        (SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'samples'::regclass) AS valid
      FROM samples WHERE id <= ${ROWS}`);
    expect(row).toEqual({ wrong: 0, valid: true });
  }, 60_000);

  it('are undone outside a transaction, if they ran outside one', async () => {
    await migrate(config(), samples);

    const undone = await undoMigrations(config(), 1, samples);

    expect(undone).toEqual(['IndexColumn1900000000002']);
    const [row] = await app.query(`SELECT to_regclass('samples_doubled_idx') AS index`);
    expect(row).toEqual({ index: null });
  });

  it('add a unique constraint, also when they are repeated', async () => {
    const runner = app.createQueryRunner();
    const add = () => addUniqueConcurrently(runner, 'samples', 'samples_id_value_key', 'id, value');
    await add();

    await add();

    const [constraint] = await runner.query(
      `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname = 'samples_id_value_key'`,
    );
    await runner.release();
    expect(constraint).toEqual({ definition: 'UNIQUE (id, value)' });
  });

  it('rebuild an index that an interrupted migration left invalid', async () => {
    await app.query('INSERT INTO samples (id, value) VALUES (-1, 7), (-2, 7)');
    const runner = app.createQueryRunner();
    const create = (kind: string) => `CREATE ${kind} INDEX CONCURRENTLY samples_value_idx ON samples (value)`;
    await expect(runner.query(create('UNIQUE'))).rejects.toThrow('could not create unique index');

    await createIndexConcurrently(runner, 'samples_value_idx', 'ON samples (value)');

    const [index] = await runner.query(
      `SELECT indisvalid AS valid, indisunique AS unique FROM pg_index WHERE indexrelid = 'samples_value_idx'::regclass`,
    );
    await runner.release();
    expect(index).toEqual({ valid: true, unique: false });
  });
});

describe('a migration that was changed after it was applied', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(() => database.drop());

  const run = (first: string) =>
    migrate(loadConfig(undefined, { NODE_ENV: 'test', DATABASE_URL: database.url }), [
      migration('First1900000000000', first),
      migration('Second1900000000001', 'CREATE TABLE b ()'),
    ]);

  it('is reported, with the number of migrations to undo', async () => {
    await run('CREATE TABLE a ()');

    const { applied, changed } = await run('CREATE TABLE a (id integer)');
    const restored = await run('CREATE TABLE a ()');

    expect(applied).toEqual([]);
    expect(changed).toEqual([{ name: 'First1900000000000', undoCount: 2 }]);
    expect(restored.changed).toEqual([]);
  });

  it('is not reported if only its format or a comment changed', async () => {
    await run('CREATE TABLE a ()');

    const { changed } = await run('-- The first.\n  CREATE TABLE\n a ()');

    expect(changed).toEqual([]);
  });
});

describe('a draft of a migration', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(() => database.drop());

  it('is applied by tests only', async () => {
    const classes = [
      migration('First1900000000000', 'CREATE TABLE a ()'),
      Object.assign(migration('Second1900000000001', 'CREATE TABLE b ()'), { isDraft: true }),
    ];
    const run = (NODE_ENV: string) =>
      migrate(loadConfig(undefined, { NODE_ENV, DATABASE_URL: database.url }), classes);

    await expect(run('development')).rejects.toThrow(
      'Second1900000000001 is a draft, so no migration was applied.',
    );
    expect(await run('test')).toMatchObject({ applied: ['First1900000000000', 'Second1900000000001'] });
  });
});

function migration(name: string, sql: string) {
  return class implements MigrationInterface {
    name = name;
    async up(db: QueryRunner) {
      await db.query(sql);
    }
    async down(db: QueryRunner) {
      await db.query('SELECT 1');
    }
  };
}

/** Writers that don't know the new column, like a release from before the migrations. */
function startWrites(db: DataSource) {
  const stop = new AbortController();
  const errors: unknown[] = [];
  let statements = 0;
  const write = async (writer: number) => {
    for (let i = 0; !stop.signal.aborted && errors.length === 0; i += 1) {
      const id = 1 + (((i * WRITERS + writer) * 7_919) % ROWS);
      await db
        .transaction(async (tx) => {
          await tx.query('UPDATE samples SET value = value WHERE id = $1', [id]);
          await tx.query('INSERT INTO samples (id, value) VALUES ($1, 1)', [ROWS + i * WRITERS + writer + 1]);
        })
        .catch((error: unknown) => errors.push(error));
      statements += 2;
    }
  };
  const writing = Promise.all(times(WRITERS, write));
  return {
    async stop() {
      stop.abort();
      await writing;
      return { statements, errors };
    },
  };
}

async function isWaitingForLock(db: DataSource): Promise<boolean> {
  const waiting = await db.query<unknown[]>(
    `SELECT 1 FROM pg_stat_activity
     WHERE application_name = '${product.name}-migrate' AND wait_event_type = 'Lock' AND datname = current_database()`,
  );
  return waiting.length > 0;
}
