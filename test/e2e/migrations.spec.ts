import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { loadConfig } from '../../src/platform/config/config.ts';
import { dataSourceOptions } from '../../src/platform/database/data-source.ts';
import { foreignKeysWithoutIndex } from '../../src/platform/database/foreign-key-check.ts';
import { migrations } from '../../src/platform/database/migrations.ts';
import { TestApp } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { Program } from '../support/program.ts';
import { times } from '../support/until.ts';

let database: TestDatabase;
let db: DataSource;

/** Each test gets a new database, with all migrations unless `template0` is given. */
function useDatabase(template?: 'template0'): void {
  beforeEach(async () => {
    database = await createTestDatabase(template);
    const config = loadConfig(undefined, { NODE_ENV: 'test', DATABASE_URL: database.url });
    db = await new DataSource(dataSourceOptions(config, 'migrate')).initialize();
  });

  afterEach(async () => {
    await db.destroy();
    await database.drop();
  });
}

describe('the migrations', () => {
  useDatabase('template0');

  it('can each be reverted and reapplied, with the same result', async () => {
    await db.runMigrations({ transaction: 'each' });
    const first = await schemaOf(db);

    for (const _ of migrations) await db.undoLastMigration({ transaction: 'each' });
    const undone = await schemaOf(db);
    await db.runMigrations({ transaction: 'each' });

    expect(first.length).toBeGreaterThan(50);
    expect(undone).toEqual([]);
    expect(await schemaOf(db)).toEqual(first);
  });

  it('are in order, and have matching names', () => {
    const stamps = migrations.map(({ name }) => Number(/\d{13}$/.exec(name)?.[0]));

    expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
    expect(new Set(stamps).size).toBe(stamps.length);
  });

  it('create the schema that the entities describe', async () => {
    const app = await TestApp.start();

    const { upQueries } = await app.db.driver.createSchemaBuilder().log();

    await app.stop();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('create an index that starts with each foreign key', async () => {
    await db.runMigrations({ transaction: 'each' });

    const missing = await foreignKeysWithoutIndex(db);

    expect(missing).toEqual([]);
  });
});

describe('migrate.js on an empty database', () => {
  useDatabase('template0');

  it('applies each migration once when three processes start in parallel, and all exit with 0', async () => {
    const programs = await Promise.all(times(3, () => run('migrate')));

    expect(programs.map(({ exit }) => exit.code)).toEqual([0, 0, 0]);
    const words = programs.map(({ output }) => output.trim()).toSorted();
    expect(words[0]).toMatch(/^migrate: applied CreateUsers/);
    expect(words.slice(1)).toEqual(times(2, () => 'migrate: the database is current'));
    const rows = await db.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
    expect(rows.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
  });

  it('also creates the queue tables if there is no Redis', async () => {
    await run('migrate');

    const tables = await db.query(`SELECT 1 FROM information_schema.tables WHERE table_schema = 'bullmq'`);
    expect(tables.length).toBeGreaterThan(0);
  });

  it('reports a missing database', async () => {
    const { exit, output } = await run('migrate', { DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/app' });

    expect(exit.code).toBe(1);
    expect(output).toMatch(/\w/);
    expect(output).not.toContain('hunter2');
  });

  it('reports that there is nothing to undo, an unknown command and an invalid count', async () => {
    const [undo, unknown, invalid] = await Promise.all([
      run('migrate', {}, ['undo']),
      run('migrate', {}, ['redo']),
      run('migrate', {}, ['undo', '0']),
    ]);

    expect(undo).toMatchObject({ exit: { code: 0 }, output: 'migrate: no migration is applied\n' });
    for (const program of [unknown, invalid])
      expect(program).toMatchObject({ exit: { code: 1 }, output: expect.stringContaining('Usage:') });
  });
});

describe('migrate.js on a migrated database', () => {
  useDatabase();

  it('warns of a migration that was changed after it was applied', async () => {
    const { name } = migrations.at(-2)!;
    await db.query(`UPDATE migrations SET checksum = 'other' WHERE name = $1`, [name]);

    const [development, production] = await Promise.all([run('migrate'), run('migrate', PRODUCTION)]);

    expect([development.exit.code, production.exit.code]).toEqual([0, 0]);
    const warning = `migrate: the database is current\nmigrate: warning: ${name} has changed since it was applied`;
    expect(development.output).toContain(warning);
    expect(development.output).toContain('npm run migration:undo -- 2');
    expect(production.output).toContain(warning);
    expect(production.output).not.toContain('undo');
  });

  it('undoes the last migration, which migrate.js applies again', async () => {
    const before = await schemaOf(db);
    const last = migrations.at(-1)!.name;

    const undo = await run('migrate', {}, ['undo']);
    const undone = await schemaOf(db);
    const redo = await run('migrate');

    expect([undo.exit.code, redo.exit.code]).toEqual([0, 0]);
    expect(undo.output).toMatch(`migrate: undid ${last}.`);
    expect(undone.length).toBeLessThan(before.length);
    expect(redo.output).toBe(`migrate: applied ${last}\n`);
    expect(await schemaOf(db)).toEqual(before);
  });

  it('undoes as many migrations as are given, the newest first', async () => {
    const [last, secondLast] = migrations.map(({ name }) => name).toReversed();

    const undo = await run('migrate', {}, ['undo', '2']);

    expect(undo.output).toMatch(`migrate: undid ${last}, ${secondLast}.`);
    expect(await db.query('SELECT name FROM migrations')).toHaveLength(migrations.length - 2);
  });

  it('names a last migration whose file is missing, and changes nothing', async () => {
    await db.query(`INSERT INTO migrations (timestamp, name) VALUES (1900000000000, 'Gone1900000000000')`);
    const before = await schemaOf(db);

    const { exit, output } = await run('migrate', {}, ['undo']);

    expect(exit.code).toBe(1);
    expect(output).toBe(
      'The last migration is Gone1900000000000, which is not in migrations/. Restore its file first.\n',
    );
    expect(await schemaOf(db)).toEqual(before);
  });

  it('undoes nothing in production', async () => {
    const before = await schemaOf(db);

    const { exit, output } = await run('migrate', PRODUCTION, ['undo']);

    expect(exit.code).toBe(1);
    expect(output).toMatch(/^Undoing a migration is for development only/);
    expect(await schemaOf(db)).toEqual(before);
  });
});

const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://api.example.com',
  FRONTEND_URL: 'https://app.example.com',
  CORS_ORIGINS: 'https://app.example.com',
  OAUTH_RETURN_TO_ALLOWLIST: 'https://app.example.com',
  SECRET_KEYS: Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64'),
  SMTP_URL: 'smtp://127.0.0.1:1',
  FILES_STORAGE: 'local',
};

describe('seed.js', () => {
  useDatabase();

  it('creates two accounts, and changes nothing on a second run', async () => {
    const first = await run('seed');
    const before = await db.query('SELECT * FROM users ORDER BY email');
    const second = await run('seed');

    expect([first.exit.code, second.exit.code]).toEqual([0, 0]);
    expect(before.map((user: { email: string; role: string }) => `${user.email} ${user.role}`)).toEqual([
      'admin@example.com admin',
      'user@example.com user',
    ]);
    expect(await db.query('SELECT * FROM users ORDER BY email')).toEqual(before);
  });

  it('emits the events of new accounts', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    await db.query(
      `INSERT INTO users (id, email, display_name, role) VALUES ($1, 'first@example.com', 'First', 'admin')`,
      [id],
    );
    await db.query(
      `INSERT INTO webhook_endpoints (id, user_id, url, event_types, scope, secret)
       VALUES ($1, $1, 'https://example.com', '{user.created}', 'all', 'x')`,
      [id],
    );

    await run('seed');

    const rows = await db.query<{ payload: string }[]>('SELECT payload FROM webhook_deliveries');
    const emails = rows.map(({ payload }) => (JSON.parse(payload) as { data: { email: string } }).data.email);
    expect(emails.toSorted((a, b) => a.localeCompare(b))).toEqual(['admin@example.com', 'user@example.com']);
  });

  it('needs no Redis', async () => {
    const { exit, output } = await run('seed', { REDIS_URL: 'redis://127.0.0.1:1' });

    expect([exit.code, output]).toEqual([0, expect.stringContaining('can sign in')]);
    expect(await db.query('SELECT * FROM users')).toHaveLength(2);
  });

  it('does not run in production', async () => {
    const { exit } = await run('seed', PRODUCTION);

    expect(exit.code).toBe(1);
    expect(await db.query('SELECT * FROM users')).toEqual([]);
  });
});

describe('admin.js grant', () => {
  useDatabase();

  it('makes an account an administrator, and fails for an unknown email', async () => {
    await db.query(
      `INSERT INTO users (id, email, display_name) VALUES (gen_random_uuid(), 'user@example.com', 'User')`,
    );

    const [granted, unknown, unclear] = await Promise.all([
      run('admin', {}, ['grant', 'USER@example.com']),
      run('admin', {}, ['grant', 'unknown@example.com']),
      run('admin', {}, []),
    ]);

    expect([granted, unknown, unclear].map(({ exit }) => exit.code)).toEqual([0, 1, 1]);
    expect(unknown.output).toMatch(/register/i);
    expect(unclear.output).toContain('Usage:');
    const rows = await db.query<{ role: string }[]>('SELECT role FROM users');
    expect(rows).toEqual([{ role: 'admin' }]);
    expect(await db.query('SELECT type, data FROM audit_events')).toEqual([
      { type: 'role-changed', data: { from: 'user', to: 'admin', by: 'admin grant' } },
    ]);
  });
});

/** Runs a program on the database of this test until it exits. */
async function run(
  name: 'migrate' | 'seed' | 'admin',
  env: Record<string, string> = {},
  args: string[] = [],
) {
  const program = await Program.start(name, { NODE_ENV: 'test', DATABASE_URL: database.url, ...env }, args);
  return { exit: await program.exited, output: program.output };
}

/** Every column, constraint and index, as text. */
async function schemaOf(source: DataSource): Promise<string[]> {
  const rows = await source.query<{ text: string }[]>(`
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS text
      FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'migrations'
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'migrations'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'migrations'
    UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY text`);
  return rows.map(({ text }) => text);
}
