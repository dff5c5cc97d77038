import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { TestApp } from '../support/app.ts';
import { until } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('GET /health/live', () => {
  it('reports that the process is alive, and its version', async () => {
    const answer = await app.http().get('/health/live');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });
});

describe('GET /health/ready', () => {
  it('reports the state of each dependency without its location', async () => {
    const answer = await app.http().get('/health/ready');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'ok',
      checks: { database: 'up', migrations: 'current', redis: 'unused' },
    });
  });

  it('is 503 with the names of pending migrations, which the API and the worker also log', async () => {
    const [last] = await app.db.query('SELECT * FROM migrations ORDER BY id DESC LIMIT 1');
    await app.db.query('DELETE FROM migrations WHERE id = $1', [last.id]);
    const [api, worker] = await Promise.all([app.startAnother(), app.startAnotherWorker()]);

    const answer = await until(async () => {
      const asked = await app.http().get('/health/ready');
      return asked.status === 503 && asked;
    }, 'the API not to be ready');

    await app.db.query('INSERT INTO migrations (id, timestamp, name) VALUES ($1, $2, $3)', [
      last.id,
      last.timestamp,
      last.name,
    ]);
    expect(answer.body).toMatchObject({
      status: 'unavailable',
      checks: { database: 'up', migrations: 'pending' },
      code: 'MIGRATIONS_PENDING',
      pendingMigrations: [last.name],
    });
    for (const program of [api, worker]) {
      expect(program.lines()).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          msg: expect.stringContaining('Migrations are pending'),
          migrations: [last.name],
        }),
      );
    }
    await until(async () => (await app.http().get('/health/ready')).status === 200, 'the API to be ready');
  });

  it('is 503 with a clock error above 60 s, and logs a warning from 5 s', async () => {
    const skewed = (ms: number) =>
      app.startAnother({
        NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/skewed-clock.js')}`,
        CLOCK_SKEW_MS: String(ms),
      });
    const [slightly, far] = await Promise.all([skewed(10_000), skewed(-120_000)]);

    const [usable, unusable] = await Promise.all([
      app.http(slightly).get('/health/ready'),
      app.http(far).get('/health/ready'),
    ]);

    expect(usable.status).toBe(200);
    expect(slightly.output).toContain('The clock of this machine differs from that of Postgres');
    expect(unusable.status).toBe(503);
    expect(unusable.body).toMatchObject({ status: 'unavailable', checks: { clock: 'skewed' } });
  });

  it('creates no migrations table', async () => {
    await app.db.query('ALTER TABLE migrations RENAME TO migrations_elsewhere');

    const answer = await until(async () => {
      const asked = await app.http().get('/health/ready');
      return asked.status === 503 && asked;
    }, 'the API not to be ready');

    const tables = await app.db.query(
      `SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'migrations'`,
    );
    await app.db.query('ALTER TABLE migrations_elsewhere RENAME TO migrations');
    expect(answer.body.checks).toMatchObject({ database: 'up', migrations: 'pending' });
    expect(tables).toEqual([]);
    await until(async () => (await app.http().get('/health/ready')).status === 200, 'the API to be ready');
  });

  it.each(['/health/live', '/health/ready'])('needs no token: %s', async (path) => {
    const answers = await Promise.all([
      app.http().get(path),
      app.http().get(path).set('authorization', 'Bearer nonsense'),
      app.http().head(path),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});
