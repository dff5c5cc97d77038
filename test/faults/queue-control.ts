import { Redis } from 'ioredis';
import pg from 'pg';
import { product } from '../../src/platform/config/product.ts';
import type { System } from '../support/system.ts';

/** Makes the queue unresponsive. Resolves to a function that restores it. */
export async function pauseQueue(system: System): Promise<() => Promise<void>> {
  const { redis } = system;
  if (redis) {
    redis.pause();
    return async () => redis.resume();
  }
  const client = new pg.Client({ connectionString: system.postgres.url });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE bullmq.job IN EXCLUSIVE MODE');
  return async () => {
    // Terminate waiting statements: Postgres would run them after their client has died.
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${product.name}-queue' AND wait_event_type = 'Lock'`,
    );
    await client.end();
  };
}

/** Number of jobs of the type in the queue, in any state. */
export async function countInQueue(system: System, type: string): Promise<number> {
  if (system.redis) return withRedis(system, async (redis) => (await jobKeys(redis, type)).length);
  const { rows } = await system.db.query<{ count: string }>(
    'SELECT count(*) FROM bullmq.job WHERE queue = $1',
    [type],
  );
  return Number(rows[0]?.count);
}

export async function withRedis<T>(system: System, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(String(system.redis?.url));
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

const jobKeys = async (redis: Redis, type: string): Promise<string[]> =>
  (await redis.keys(`bull:${type}:*`)).filter((key) => /:[0-9a-f-]{36}$/.test(key));

/** Loses all data, like a Redis that restarts without persistence. */
export async function forgetQueue(system: System): Promise<void> {
  if (system.redis) await withRedis(system, (redis) => redis.flushall());
  else await system.db.query('TRUNCATE bullmq.job, bullmq.event, bullmq.dedup, bullmq.metrics CASCADE');
}
