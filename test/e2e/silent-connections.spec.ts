import { afterAll, beforeAll, expect, it } from '@jest/globals';
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

it('answers 503 when its connections to Postgres freeze without being closed, and then opens new ones', async () => {
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
