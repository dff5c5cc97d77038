import { Redis } from 'ioredis';
import type { Backend, TestApp } from './app.ts';
import { CLAIM_KEY } from './redis.ts';

/** The queue backends available on this machine: `describe.each(backends)`. */
export const backends: Backend[] = ['postgres', 'redis'];

/** All keys and values of the queue, without the rate limit counters. */
export async function queueText(app: TestApp): Promise<string> {
  if (!app.config.REDIS_URL) {
    const rows = await app.db.query(
      `SELECT to_jsonb(job) FROM bullmq.job UNION ALL SELECT to_jsonb(event) FROM bullmq.event
       UNION ALL SELECT to_jsonb(meta) FROM bullmq.meta`,
    );
    return JSON.stringify(rows);
  }
  const redis = new Redis(app.config.REDIS_URL);
  try {
    const keys = await redis.keys('bull:*');
    return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await valueOf(redis, key)])));
  } finally {
    redis.disconnect();
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const readers: Record<string, () => Promise<unknown>> = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'),
    stream: () => redis.xrange(key, '-', '+'),
  };
  return readers[await redis.type(key)]?.();
}

/** Deletes every job from the queue, including running ones, like a Redis that loses its data. */
export async function loseQueueData(app: TestApp): Promise<void> {
  if (!app.config.REDIS_URL) {
    await app.db.query('TRUNCATE bullmq.job, bullmq.event, bullmq.dedup, bullmq.metrics CASCADE');
    return;
  }
  const redis = new Redis(app.config.REDIS_URL);
  try {
    await redis.multi().flushdb().set(CLAIM_KEY, process.pid).exec();
  } finally {
    redis.disconnect();
  }
}
