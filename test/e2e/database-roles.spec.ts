import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Program } from '../support/program.ts';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';

const as = (url: string, user: string): string =>
  Object.assign(new URL(url), { username: user, password: 'test-only' }).href;

/** Creates the roles as an operator does, once before the first migration. */
async function createRoles(db: pg.Pool, url: string): Promise<Record<string, string>> {
  await db.query(`CREATE ROLE "schema owner" LOGIN PASSWORD 'test-only'`);
  await db.query(`CREATE ROLE app LOGIN PASSWORD 'test-only'`);
  await db.query(`GRANT CREATE ON DATABASE postgres TO "schema owner"`);
  await db.query(`GRANT CREATE ON SCHEMA public TO "schema owner"`);
  return { DATABASE_URL: as(url, 'app'), MIGRATION_DATABASE_URL: as(url, 'schema owner') };
}

describe.each(backends)('with a role for the application and one for migrations, on %s', (backend) => {
  let system: System;
  let app: pg.Pool;

  beforeAll(async () => {
    system = await System.start({ backend, prepare: createRoles });
    await system.startApi();
    await system.startWorker();
    app = new pg.Pool({ connectionString: as(system.postgres.url, 'app') });
  }, 120_000);

  afterAll(async () => {
    await app.end();
    await system.stop();
  });

  it('requests and jobs work', async () => {
    const exported = await system.startExport();
    await system.untilStatus(exported, 'completed');

    const owners = await app.query(
      `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'bullmq')`,
    );
    expect(owners.rows).toEqual([{ tableowner: 'schema owner' }]);
  }, 120_000);

  it.each([
    ['change a table', 'ALTER TABLE users ADD COLUMN extra text'],
    ['create a table', 'CREATE TABLE extra (id int)'],
    ['empty a table', 'TRUNCATE audit_events'],
    ['drop the trigger that keeps audit events', 'DROP TRIGGER audit_events_append_only ON audit_events'],
    ['disable the trigger', 'ALTER TABLE audit_events DISABLE TRIGGER ALL'],
    ['disable all triggers of its session', 'SET session_replication_role = replica'],
    ['delete audit events', 'DELETE FROM audit_events'],
    ['mark a migration as applied', `INSERT INTO migrations (timestamp, name) VALUES (1, 'x')`],
    ['become the owner', 'SET ROLE "schema owner"'],
  ])('the application can not %s', async (_name, statement) => {
    await expect(app.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('the application can use a table as soon as a migration has created it', async () => {
    const owner = new pg.Pool({ connectionString: as(system.postgres.url, 'schema owner') });
    await owner.query('CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY, name text)');

    await app.query(`INSERT INTO later (name) VALUES ('x')`);

    expect((await app.query('SELECT * FROM later')).rows).toEqual([{ id: 1, name: 'x' }]);
    await owner.query('DROP TABLE later');
    await owner.end();
  });
});

describe('migrate.js', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend: 'postgres', prepare: createRoles });
  }, 120_000);

  afterAll(() => system.stop());

  const migrate = async (settings: Record<string, string>) => {
    const program = await Program.start('migrate', { ...system.settings, ...settings });
    return { ...(await program.exited), output: program.output };
  };

  it('does nothing more the second time', async () => {
    expect(await migrate({})).toEqual({
      code: 0,
      signal: null,
      output: 'migrate: the database is current\n',
    });
  });

  it('names the role that is missing, and the setting', async () => {
    const { code, output } = await migrate({ DATABASE_APP_ROLE: 'pooled-app' });

    expect(code).toBe(1);
    expect(output).toContain('The role pooled-app does not exist.');
    expect(output).toContain('DATABASE_APP_ROLE');
  });

  it('warns of a role that has more rights', async () => {
    await system.db.query('GRANT CREATE ON SCHEMA public TO app');

    const { code, output } = await migrate({});

    await system.db.query('REVOKE CREATE ON SCHEMA public FROM app');
    expect(code).toBe(0);
    expect(output).toContain('warning: the role app can still create or change tables');
  });

  it('names the URL that Postgres rejects', async () => {
    const { code, output } = await migrate({
      MIGRATION_DATABASE_URL: as(system.postgres.url, 'no_such_user'),
    });

    expect(code).toBe(1);
    expect(output).toContain('Postgres rejects the connection of MIGRATION_DATABASE_URL');
  });
});
