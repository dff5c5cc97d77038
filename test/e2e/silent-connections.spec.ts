import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { prepareConnection } from '../../src/platform/database/session-settings.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

let proxy: TcpProxy;
let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  proxy = await TcpProxy.start();
  app = await TestApp.start({
    settings: (url) => ({
      DATABASE_URL: proxy.to(url),
      DATABASE_POOL_MAX: '2',
      DATABASE_STATEMENT_TIMEOUT_MS: '2000',
    }),
  });
  user = await signedIn(app);
});

afterAll(async () => {
  proxy.breakConnections();
  await app.stop();
  await proxy.stop();
});

it('responds with 503 when its connections to Postgres freeze without being closed, and then opens new ones', async () => {
  await Promise.all(times(2, () => user.get('/v1/users/me').expect(200)));
  const silenced = proxy.silence();

  const answers = await Promise.all([
    user.get('/v1/users/me'),
    user.patch('/v1/users/me', { displayName: 'Ada' }),
  ]);

  expect(silenced).toBeGreaterThanOrEqual(2);
  for (const { status, body } of answers) expect([status, body.code]).toEqual([503, 'UNAVAILABLE']);
  await until(async () => (await user.get('/v1/users/me')).status === 200, 'an answer on a new connection');
}, 60_000);

describe('a pool whose connections freeze', () => {
  const SILENCE_MAX_MS = 500;
  let pool: pg.Pool;

  beforeEach(() => {
    pool = new pg.Pool({
      connectionString: app.config.DATABASE_URL,
      // Idle connections stay open.
      idleTimeoutMillis: 0,
      onConnect: prepareConnection(undefined, SILENCE_MAX_MS),
    });
    pool.on('error', () => undefined);
  });

  afterEach(async () => {
    proxy.breakConnections();
    await pool.end();
  });

  it('closes a connection without an answer, also if it was idle for longer before', async () => {
    const client = (await pool.connect()) as pg.PoolClient & { connection: { stream: Socket } };
    await once(client.connection.stream, 'timeout');
    proxy.silence();

    await expect(client.query('SELECT')).rejects.toThrow('Postgres sent nothing');

    client.release(true);
  });

  it('closes its idle connections as well, so that only the first statement fails', async () => {
    const clients = await Promise.all(times(3, () => pool.connect()));
    clients.forEach((client) => client.release());
    proxy.silence();

    await expect(pool.query('SELECT')).rejects.toThrow('Postgres sent nothing');

    await until(() => pool.totalCount === 0, 'the idle connections to close');
    await pool.query('SELECT');
  });
});
