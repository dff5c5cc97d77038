import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { redisUrl, type RedisServer, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const describeWithRedis = redisUrl() ? describe : describe.skip;

describeWithRedis('a Redis that throws keys away under pressure', () => {
  let redis: RedisServer;
  let app: TestApp;

  beforeAll(async () => {
    redis = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    app = await TestApp.start({ settings: { REDIS_URL: redis.url } });
  });

  afterAll(async () => {
    await app.stop();
    await redis.kill();
  });

  it('is warned of at the start, and taken: what it forgets comes late, and is not lost', async () => {
    const api = await app.startAnother();

    const warning = await until(
      () => api.lines().find(({ msg }) => msg.includes('maxmemory-policy')),
      'a warning',
    );
    const ready = await app.http(api).get('/health/ready');

    expect(warning).toMatchObject({ level: 'warn', policy: 'allkeys-lru' });
    expect(ready.status).toBe(200);
  });
});
