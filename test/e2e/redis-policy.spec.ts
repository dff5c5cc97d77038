import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { TestApp } from '../support/app.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

describe('a Redis that evicts keys', () => {
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

  it('is accepted with a warning at the start', async () => {
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

describe('a Redis that the queue cannot use', () => {
  let redis: RedisServer;
  let admin: Redis;
  let app: TestApp;

  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
    await admin.call(
      'ACL',
      'SETUSER',
      'limited',
      'on',
      '>secret',
      'allkeys',
      'allchannels',
      '+@all',
      '-info',
    );
    app = await TestApp.start({ settings: { REDIS_URL: redis.url } });
  });

  afterAll(async () => {
    await app.stop();
    admin.disconnect();
    await redis.kill();
  });

  const withoutInfo = () => redis.url.replace('redis://', 'redis://limited:secret@');

  it.each([
    ['the user may not run INFO', withoutInfo, 'may not run INFO'],
    ['the database number does not exist', () => `${redis.url}/99`, 'REDIS_URL selects database 99'],
  ])('prevents the start of API and worker when %s', async (_reason, url, message) => {
    const settings = { REDIS_URL: url() };

    const starts = await Promise.allSettled([app.startAnother(settings), app.startAnotherWorker(settings)]);

    const reasons = starts.map((start) => (start.status === 'rejected' ? String(start.reason) : 'started'));
    expect(reasons).toEqual([expect.stringContaining(message), expect.stringContaining(message)]);
  });

  it('makes a running worker wait between polls, and SIGTERM still stops it', async () => {
    await admin.call('ACL', 'SETUSER', 'limited', '+info');
    const worker = await app.startAnotherWorker({ REDIS_URL: withoutInfo() });
    await admin.call('ACL', 'SETUSER', 'limited', '-evalsha', '-eval');
    const rejectedBefore = await rejectedCommands(admin);
    const warned = () => worker.lines().some(({ msg }) => msg === 'Queue error');
    await until(warned, 'the worker to log an error', 40_000);

    const rejectedUntilWarned = (await rejectedCommands(admin)) - rejectedBefore;
    const exit = await worker.end();

    expect(rejectedUntilWarned).toBeLessThan(1_000);
    expect(exit).toEqual({ code: 0, signal: null });
  });

  it('is reported as down while it is a read-only replica, and as up once it is a primary again', async () => {
    const redisCheck = async () => (await app.http().get('/health/ready')).body.checks.redis as string;
    const before = await redisCheck();

    await admin.call('REPLICAOF', '127.0.0.1', '1');
    await until(async () => (await redisCheck()) === 'down', 'readiness to report the replica');
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await redisCheck()) === 'up', 'readiness to report the primary');

    expect(before).toBe('up');
  });
});

async function rejectedCommands(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  const counts = [...stats.matchAll(/rejected_calls=(\d+)/g)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
}
