import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../../scripts/processes.ts';
import { TestApp } from '../support/app.ts';
import { Dashboard } from '../support/dashboard.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

/** Longer than the slowest allowed response, to detect requests that hang. */
const PATIENCE_MS = 12_000;

const paths = ['/api/queues', '/api/queues/mail-send/any-id'];

const soonAndUnavailable = {
  isSoon: true,
  codes: times(3, () => '503 UNAVAILABLE'),
  retryAfter: times(3, () => '5'),
  leaks: [],
};

/** A pause is stored in Postgres. Workers apply it when Redis is back. */
const soonAndPaused = {
  ...soonAndUnavailable,
  codes: ['503 UNAVAILABLE', '503 UNAVAILABLE', '200 undefined'],
  retryAfter: ['5', '5', undefined],
};

let app: TestApp;

describe('the dashboard, when Redis', () => {
  let redis: RedisServer;

  afterEach(async () => {
    await app.stop();
    await redis.stop();
  });

  const isBack = (dashboard: Dashboard) =>
    until(async () => (await dashboard.get('/api/queues')).status === 200, 'the queues to be shown again');

  it('is gone: responds with an error quickly and recovers when it is back', async () => {
    redis = await startRedis();
    app = await TestApp.start({ settings: { REDIS_URL: redis.url } });
    const dashboard = await Dashboard.open(app);
    await isBack(dashboard);

    await redis.stop();
    expect(await rejections(dashboard)).toEqual(soonAndPaused);
    redis = await startRedis({ port: redis.port });

    await isBack(dashboard);
  });

  it('does not respond: returns an error quickly and recovers later', async () => {
    redis = await startRedis();
    app = await TestApp.start({ settings: { REDIS_URL: redis.url } });
    const dashboard = await Dashboard.open(app);
    await isBack(dashboard);

    redis.pause();
    expect(await rejections(dashboard)).toEqual(soonAndPaused);
    redis.resume();

    await isBack(dashboard);
  });

  it('was missing at startup: returns an error quickly and recovers later', async () => {
    const port = await freePort();
    app = await TestApp.start({ settings: { REDIS_URL: `redis://127.0.0.1:${port}` } });
    const dashboard = await Dashboard.open(app);

    expect(await rejections(dashboard)).toEqual(soonAndPaused);
    redis = await startRedis({ port });

    await isBack(dashboard);
  });
});

describe('the dashboard, when PostgreSQL is gone', () => {
  it('returns an error quickly and accepts the administrator again when it is back', async () => {
    const proxy = await TcpProxy.start();
    app = await TestApp.start({ settings: (url) => ({ DATABASE_URL: proxy.to(url) }) });
    const dashboard = await Dashboard.open(app);

    proxy.cut();
    expect(await rejections(dashboard)).toEqual(soonAndUnavailable);
    proxy.restore();

    await until(async () => (await dashboard.get('/api/queues')).status === 200, 'the queues to be shown');
    await app.stop();
    await proxy.stop();
  });
});

/** The response during the outage, its speed, and whether it leaks details. */
async function rejections(dashboard: Dashboard) {
  const startedAt = Date.now();
  const asked = [...paths.map((path) => dashboard.get(path)), dashboard.put('/api/queues/mail-send/pause')];
  const answers = await Promise.all(asked);
  return {
    isSoon: Date.now() - startedAt < PATIENCE_MS,
    codes: answers.map(({ status, body }) => `${status} ${body.code}`),
    retryAfter: answers.map(({ headers }) => headers['retry-after']),
    leaks: answers.flatMap(({ text }) => text.match(/redis|postgres|ECONN|127\.0\.0\.1|bull/i) ?? []),
  };
}
