import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { captureLogs } from '../support/logs.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

let proxy: TcpProxy;
let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  proxy = await TcpProxy.start();
  app = await TestApp.start({ settings: (url) => ({ DATABASE_URL: proxy.to(url), DATABASE_POOL_MAX: '5' }) });
  user = await signedIn(app);
});

afterAll(async () => {
  await app.stop();
  await proxy.stop();
});

describe('an unexpected error', () => {
  it('reveals no details in the response, and is logged once with its stack', async () => {
    await app.db.query('ALTER TABLE users RENAME TO users_elsewhere');
    const log = captureLogs(app.api);

    const answer = await user.get('/v1/users/me').set('x-correlation-id', 'unexpected-1');

    await app.db.query('ALTER TABLE users_elsewhere RENAME TO users');
    expect(answer).toMatchObject({
      status: 500,
      headers: { 'content-type': 'application/problem+json; charset=utf-8' },
    });
    expect(answer.body).toEqual({
      type: expect.stringMatching(/\/problems\/INTERNAL$/),
      title: 'Internal error',
      detail: 'The server failed to handle the request. If it happens again, report the correlationId.',
      status: 500,
      code: 'INTERNAL',
      instance: '/v1/users/me',
      correlationId: 'unexpected-1',
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
    const errors = log.lines().filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({
      correlationId: 'unexpected-1',
      err: { message: expect.stringContaining('users'), stack: expect.stringMatching(/\n +at /) },
    });
  });
});

describe('when PostgreSQL is gone', () => {
  it('responds 503 with Retry-After, and works again once it is back', async () => {
    proxy.cut();

    const answers = await Promise.all(times(20, () => user.get('/v1/users/me')));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    for (const answer of answers) {
      expect(answer.body).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.text).not.toMatch(/postgres|ECONN|sql|127\.0\.0\.1/i);
    }
    proxy.restore();
    await until(async () => (await user.get('/v1/users/me')).status === 200, 'the first answer after');
  });

  it('is alive but not ready', async () => {
    proxy.cut();

    const ready = await until(async () => {
      const answer = await app.http().get('/health/ready');
      return answer.status === 503 && answer;
    }, 'the readiness to turn');
    const live = await app.http().get('/health/live');

    proxy.restore();
    expect(ready.body).toEqual({
      status: 'unavailable',
      checks: { database: 'down', migrations: 'unknown', redis: 'unused' },
    });
    expect(live).toMatchObject({ status: 200, body: { status: 'ok' } });
    await until(
      async () => (await app.http().get('/health/ready')).status === 200,
      'the readiness to return',
    );
  });

  it('survives connections that break during statements', async () => {
    const breaking = setInterval(() => proxy.breakConnections(), 5);

    const answers = await Promise.all(times(50, () => user.get('/v1/users/me')));

    clearInterval(breaking);
    expect([200, 503]).toEqual(expect.arrayContaining([...new Set(answers.map(({ status }) => status))]));
    await until(async () => (await user.get('/v1/users/me')).status === 200, 'the first answer after');
  });

  it('responds 503 with Retry-After when its backend is terminated during a request', async () => {
    const lock = app.db.createQueryRunner();
    await lock.startTransaction();
    await lock.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    const answering = user.get('/v1/users/me').then((answer) => answer);
    const waiting = `SELECT pid FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    const [{ pid }] = await until(async () => {
      const rows = await lock.query(waiting);
      return rows.length > 0 && rows;
    }, 'the request to wait for the table');

    await lock.query('SELECT pg_terminate_backend($1)', [pid]);

    expect(await answering).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    await lock.rollbackTransaction();
    await lock.release();
    expect((await user.get('/v1/users/me')).status).toBe(200);
  });

  it('stops waiting for a lock that is not released', async () => {
    const lock = app.db.createQueryRunner();
    await lock.startTransaction();
    await lock.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');

    const answer = await user.get('/v1/users/me');

    await lock.rollbackTransaction();
    await lock.release();
    expect(answer).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
  });
});
