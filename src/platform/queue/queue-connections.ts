import { type BackendFactory, createPostgresBackend, createRedisBackend, DEFAULT_SCHEMA } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import pg from 'pg';
import { prepareConnection } from '../database/session-settings.ts';

/** The PostgreSQL schema of the queue when there is no Redis. BullMQ's own name, since it can't be told another for a pool. */
export const QUEUE_SCHEMA = DEFAULT_SCHEMA;

const PRODUCER_COMMAND_TIMEOUT_MS = 2_000;
/** A request waits for its counters, perhaps for two of them; a Redis that hangs must not make it slow. */
const COUNTER_COMMAND_TIMEOUT_MS = 500;
const RECONNECT_MAX_MS = 5_000;
/**
 * A connection that has not answered for so long is given up: TCP alone would notice a silent death minutes later. More
 * than any wait for a job takes.
 */
const ANSWER_TIMEOUT_MS = 15_000;
const POOL_MAX = 20;

export type DependencyState = 'up' | 'down' | 'unused';

/** Of one process, to where its queue lives. */
export interface QueueConnections {
  producer: object;
  counters?: Redis;
  /** Made on first use: the API has no workers. */
  consumer: () => object;
  factory: BackendFactory | typeof createPostgresBackend;
  redisState(): Promise<DependencyState>;
  close(): Promise<void>;
}

export function redisConnections(url: string, report: (error: Error) => void): QueueConnections {
  const common: RedisOptions = {
    // The pause is short and capped, so that work resumes within seconds of Redis coming back.
    retryStrategy: (attempt) => Math.min(attempt * 200, RECONNECT_MAX_MS),
    connectTimeout: 5_000,
    socketTimeout: ANSWER_TIMEOUT_MS,
  };
  // A request never waits for Redis: the hand-over fails fast and the sweep makes up for it.
  const producer = new Redis(url, {
    ...common,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: PRODUCER_COMMAND_TIMEOUT_MS,
  });
  producer.on('error', report);
  const counters = producer.duplicate({ commandTimeout: COUNTER_COMMAND_TIMEOUT_MS }).on('error', report);
  // A worker waits for as long as it takes (BullMQ, "Going to production"). Not lazyConnect, nor for the copies that
  // workers make of it: BullMQ opens such a one by hand, and a Redis that is down then costs the worker its life.
  let consumer: Redis | undefined;
  return {
    producer,
    counters,
    consumer: () => {
      consumer ??= new Redis(url, { ...common, maxRetriesPerRequest: null }).on('error', report);
      return consumer;
    },
    factory: createRedisBackend,
    redisState: async () => ((await answers(producer)) ? 'up' : 'down'),
    close: async () => {
      producer.disconnect();
      counters.disconnect();
      consumer?.disconnect();
    },
  };
}

async function answers(redis: Redis): Promise<boolean> {
  try {
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  }
}

export function postgresConnections(url: string, report: (error: Error) => void): QueueConnections {
  const pool = new pg.Pool({
    connectionString: url,
    // Each worker keeps one of these for LISTEN.
    max: POOL_MAX,
    keepAlive: true,
    onConnect: prepareConnection({ search_path: QUEUE_SCHEMA }),
    connectionTimeoutMillis: 5_000,
    query_timeout: ANSWER_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    application_name: 'reference-queue',
  });
  pool.on('error', report);
  // Every queue and worker listens for its faults.
  pool.setMaxListeners(0);
  return {
    producer: pool,
    consumer: () => pool,
    factory: createPostgresBackend,
    redisState: async () => 'unused',
    close: () => pool.end(),
  };
}
