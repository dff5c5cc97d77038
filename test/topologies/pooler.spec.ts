import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { createTestDatabase, startTestPostgres, type TestDatabase } from '../support/database.ts';
import { pooled, startPgBouncer } from '../support/pgbouncer.ts';
import { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

const STATEMENT_TIMEOUT_MS = 400;
/** These tests start programs, and one test also starts a server. */
const LIMIT_MS = 120_000;

/** Settings of a program in a separate process. */
const settingsOf = (databaseUrl: string, port?: string) => ({
  NODE_ENV: 'development',
  DATABASE_URL: pooled(databaseUrl, port),
  DATABASE_DIRECT_URL: databaseUrl,
  SHUTDOWN_DRAIN_SECONDS: '0',
});

async function migrateWith(settings: Record<string, string>): Promise<void> {
  const migration = await Program.start('migrate', settings);
  const { code } = await migration.exited;
  expect({ code, output: migration.output }).toEqual({ code: 0, output: expect.any(String) });
}

describe('behind a pooler in transaction mode', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({
      worker: true,
      settings: { DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) },
    });
  });

  afterAll(() => app.stop());

  it('shares few connections between many requests', async () => {
    const user = await signedIn(app);

    const pids = await Promise.all(times(40, () => app.db.query('SELECT pg_backend_pid() AS pid')));
    const responses = await Promise.all(
      times(40, (index) =>
        index % 4 === 0
          ? user.patch('/v1/users/me', { displayName: `Name ${index}` })
          : user.get('/v1/users/me'),
      ),
    );

    expect(new Set(pids.map(([{ pid }]) => pid)).size).toBeLessThanOrEqual(4);
    expect(responses.map(({ status }) => status)).toEqual(times(40, () => 200));
  });

  it('has the limits and the search path of the role', async () => {
    const slow = app.db.query('SELECT pg_sleep(10)');

    await expect(slow).rejects.toMatchObject({ driverError: { code: '57014' } });
    expect(await app.db.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '2s' }]);
    expect(await app.db.query('SHOW search_path')).toEqual([{ search_path: 'public' }]);
  });

  it('runs jobs, with a worker that connects directly', async () => {
    const user = await signedIn(app);

    const { body } = await user.post('/v1/jobs', { type: 'user-export' });
    const job = await until(async () => {
      const response = await user.get(`/v1/jobs/${body.data.id}`);
      return response.body.data.status === 'completed' && response.body.data;
    }, 'the export');

    expect(job).toMatchObject({ type: 'user-export' });
  });

  it('receives messages of other instances', async () => {
    const user = await signedIn(app);
    const other = await app.startAnother();
    expect((await user.get('/v1/users/me', other)).status).toBe(200);

    await user.post('/v1/auth/logout', { refreshToken: user.refreshToken });

    await until(async () => (await user.get('/v1/users/me', other)).status === 401, 'the revoked session');
  });
});

describe('the API', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it(
    'warns if the role lacks its limits, until the migration program has run',
    async () => {
      const settings = settingsOf(database.url);
      const before = await Program.start('main', settings);
      await before.ready();
      await until(() => before.output.includes('Settings of the role are missing'), 'the warning');
      expect(before.output).toContain('statement_timeout is 0, not 5000');
      await before.end();

      await migrateWith(settings);
      // A second pooler, because the first one keeps its connections from before the migration.
      const pooler = await startPgBouncer(database.url);
      const after = await Program.start('main', settingsOf(database.url, String(pooler.port)));
      await after.ready();

      expect(after.output).not.toContain('Settings of the role are missing');
      await after.end();
      await pooler.stop();
    },
    LIMIT_MS,
  );

  it(
    'does not start if the pooler rejects a parameter of its URL',
    async () => {
      const settings = settingsOf(database.url);
      settings.DATABASE_URL += '?options=-c%20statement_timeout%3D1000';

      const program = await Program.start('main', settings);
      const { code } = await program.exited;

      expect(code).toBe(1);
      expect(program.output).toContain('Postgres rejects the connection of DATABASE_URL');
    },
    LIMIT_MS,
  );

  it(
    'waits for Postgres if only the pooler is up',
    async () => {
      const postgres = await startTestPostgres();
      await migrateWith({ NODE_ENV: 'development', DATABASE_URL: postgres.url });
      await postgres.stop();
      const pooler = await startPgBouncer(postgres.url);

      const program = await Program.start('main', settingsOf(postgres.url, String(pooler.port)));
      await until(() => program.output.includes('waiting for it'), 'the API to wait');
      const restarted = await startTestPostgres(postgres.dir);
      await program.ready();

      expect(program.process.exitCode).toBeNull();
      await program.end();
      await pooler.stop();
      await restarted.stop();
    },
    LIMIT_MS,
  );
});
