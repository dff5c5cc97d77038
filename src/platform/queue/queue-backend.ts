import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  DEFAULT_SCHEMA,
  type JobsOptions,
  type Processor,
  Queue,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import pg from 'pg';
import { Config } from '../config/config.ts';
import { outliveConnection } from '../database/pool-clients.ts';

/** The PostgreSQL schema of the queue when there is no Redis. BullMQ's own name, since it can't be told another for a pool. */
export const QUEUE_SCHEMA = DEFAULT_SCHEMA;

export type WorkerTuning = Pick<
  WorkerOptions,
  'concurrency' | 'lockDuration' | 'stalledInterval' | 'maxStalledCount'
>;

/** Only for the ledger of jobs, which keeps the history: the queue holds what is still to be done. */
const JOB_OPTIONS: JobsOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  // The ledger counts attempts. These are for a run that couldn't even write to it.
  attempts: 1_000_000,
  backoff: { type: 'fixed', delay: 3_000 },
};

/** BullMQ's own 15 s after each lost connection would be most of what a restart costs. */
const FETCH_RETRY_MS = 2_000;
const PRODUCER_COMMAND_TIMEOUT_MS = 2_000;
const RECONNECT_MAX_MS = 5_000;
const POOL_MAX = 20;

export type DependencyState = 'up' | 'down' | 'unused';

/** BullMQ on Redis, or on PostgreSQL when REDIS_URL is empty. Nothing outside this file knows which. */
@Injectable()
export class QueueBackend implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Queue');
  private readonly queues = new Map<string, Queue>();
  private readonly connections: QueueConnections;

  private readonly isProduction: boolean;

  constructor(config: Config) {
    this.isProduction = config.NODE_ENV === 'production';
    this.connections = config.REDIS_URL
      ? redisConnections(config.REDIS_URL, (error) => this.report(error))
      : postgresConnections(config.DATABASE_DIRECT_URL, (error) => this.report(error));
  }

  queue(name: string): Queue {
    const existing = this.queues.get(name);
    if (existing) return existing;
    const { producer, factory } = this.connections;
    const queue = new Queue(
      name,
      { connection: producer, defaultJobOptions: JOB_OPTIONS, skipWaitingForReady: true },
      factory as never,
    );
    queue.on('error', (error) => this.report(error));
    this.queues.set(name, queue);
    // BullMQ keeps the failure of a first connection for good: a queue that was made during an outage is thrown away.
    queue.waitUntilReady().catch(() => this.discard(name, queue));
    return queue;
  }

  worker(name: string, processor: Processor, tuning: WorkerTuning): Worker {
    const { consumer, factory } = this.connections;
    const worker = new Worker(
      name,
      processor,
      { ...tuning, connection: consumer(), runRetryDelay: FETCH_RETRY_MS },
      factory as never,
    );
    worker.on('error', (error) => this.report(error));
    return worker;
  }

  /** The connection for counters that all instances share; undefined where there is no Redis. */
  get redis(): Redis | undefined {
    return this.connections.producer instanceof Redis ? this.connections.producer : undefined;
  }

  redisState(): Promise<DependencyState> {
    return this.connections.redisState();
  }

  onApplicationBootstrap(): void {
    if (this.redis?.status === 'ready') void this.warnOfEviction(this.redis);
    else if (this.redis) this.redis.once('ready', () => void this.warnOfEviction(this.redis!));
    else if (this.isProduction) {
      this.logger.warn(
        'There is no REDIS_URL: the queue lives in PostgreSQL, which carries far fewer jobs a second',
      );
    }
  }

  /** A Redis that evicts forgets jobs. The ledger hands them over again, but late. */
  private async warnOfEviction(redis: Redis): Promise<void> {
    // A managed Redis may refuse CONFIG, and one that is away is told of elsewhere.
    const [, policy] = await redis.config('GET', 'maxmemory-policy').catch((): unknown[] => []);
    if (policy && policy !== 'noeviction') {
      this.logger.warn({
        msg: 'Redis evicts keys under pressure: set maxmemory-policy to noeviction',
        policy,
      });
    }
  }

  /** After the HTTP server and the workers: a request in flight may still hand over a job. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
    await this.connections.close();
  }

  private discard(name: string, queue: Queue): void {
    if (this.queues.get(name) === queue) this.queues.delete(name);
    void queue.close().catch(() => undefined);
  }

  private lastReported = '';

  /** A connection that is down repeats itself many times a second: one line for each kind of fault is enough. */
  private report(error: Error): void {
    if (error.message === this.lastReported) return;
    this.lastReported = error.message;
    this.logger.warn({ msg: 'The queue reports a fault', err: error });
    setTimeout(() => (this.lastReported = ''), 10_000).unref();
  }
}

interface QueueConnections {
  producer: object;
  /** Made on first use: the API has no workers. */
  consumer: () => object;
  factory: BackendFactory | typeof createPostgresBackend;
  redisState(): Promise<DependencyState>;
  close(): Promise<void>;
}

function redisConnections(url: string, report: (error: Error) => void): QueueConnections {
  const common: RedisOptions = {
    // The pause is short and capped, so that work resumes within seconds of Redis coming back.
    retryStrategy: (attempt) => Math.min(attempt * 200, RECONNECT_MAX_MS),
    connectTimeout: 5_000,
  };
  // A request never waits for Redis: the hand-over fails fast and the sweep makes up for it.
  const producer = new Redis(url, {
    ...common,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: PRODUCER_COMMAND_TIMEOUT_MS,
  });
  producer.on('error', report);
  // A worker waits for as long as it takes (BullMQ, "Going to production"). Not lazyConnect, nor for the copies that
  // workers make of it: BullMQ opens such a one by hand, and a Redis that is down then costs the worker its life.
  let consumer: Redis | undefined;
  return {
    producer,
    consumer: () => {
      consumer ??= new Redis(url, { ...common, maxRetriesPerRequest: null }).on('error', report);
      return consumer;
    },
    factory: createRedisBackend,
    redisState: async () => ((await answers(producer)) ? 'up' : 'down'),
    close: async () => {
      producer.disconnect();
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

function postgresConnections(url: string, report: (error: Error) => void): QueueConnections {
  const pool = new pg.Pool({
    connectionString: url,
    // Each worker keeps one of these for LISTEN.
    max: POOL_MAX,
    keepAlive: true,
    onConnect: outliveConnection,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    options: `-c search_path=${QUEUE_SCHEMA}`,
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
