import { Redis } from 'ioredis';
import type { Backend, TestApp } from './app.ts';
import { CLAIM_KEY, redisUrl } from './redis.ts';

/** Where the queue can live on this machine: `describe.each(backends)`. */
export const backends: Backend[] = redisUrl() ? ['postgres', 'redis'] : ['postgres'];

/** What a Redis without its disk does: the queue forgets every job, those that run included. */
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
