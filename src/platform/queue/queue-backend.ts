import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import {
  createPostgresBackend,
  createRedisBackend,
  DEFAULT_SCHEMA,
  type JobsOptions,
  type Processor,
  Queue,
} from 'bullmq';
import pg from 'pg';
import { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { prepareConnection } from '../database/session-settings.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { QueueWorker } from './queue-worker.ts';

/** The PostgreSQL schema of the queue. BullMQ's default, because it accepts no other name together with a pool. */
export const QUEUE_SCHEMA = DEFAULT_SCHEMA;

/**
 * The queue holds only the ids of jobs that are still to run. The jobs table keeps their history, and decides about leases,
 * attempts and delays: BullMQ drops an entry that fails, and the sweep adds it again.
 */
const JOB_OPTIONS: JobsOptions = { removeOnComplete: true, removeOnFail: true };
/** BullMQ keeps the entry of a dead worker locked for this time. Short, because the lease protects the job. */
const ENTRY_LOCK_MS = 5_000;

/** BullMQ waits 15 s after each lost connection by default, which would dominate the time of a restart. */
const FETCH_RETRY_MS = 2_000;
const WARNING_INTERVAL_MS = 10_000;
/** Longer than any wait for a job: a worker with free capacity polls more often than this. */
const STALLED_AFTER_MS = 60_000;
const POSTGRES_RESPONSE_TIMEOUT_MS = 15_000;
/** Each worker keeps one connection for LISTEN. */
const POSTGRES_POOL_MAX = 20;

/** BullMQ on Redis, or on PostgreSQL when REDIS_URL is empty. Only this class knows which. */
@Injectable()
export class QueueBackend implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Queue');
  private readonly queues = new Map<string, Queue>();
  private readonly workers: QueueWorker[] = [];
  private readonly pool: pg.Pool | undefined;
  private warnedAt = -Infinity;

  constructor(
    private readonly config: Config,
    private readonly redis: RedisConnections,
  ) {
    if (!redis.commands) this.pool = this.createPool(config.DATABASE_DIRECT_URL);
  }

  queue(name: string): Queue {
    const existing = this.queues.get(name);
    if (existing) return existing;
    const queue = new Queue(
      name,
      {
        connection: (this.pool ?? this.redis.commands) as object,
        ...this.keyPrefix(name),
        defaultJobOptions: JOB_OPTIONS,
        skipWaitingForReady: true,
      },
      this.factory,
    );
    queue.on('error', (error) => this.warn(error));
    this.queues.set(name, queue);
    // BullMQ keeps the failure of a first connection forever: discard a queue that was created during an outage.
    queue.waitUntilReady().catch(() => this.discard(name, queue));
    return queue;
  }

  worker(name: string, processor: Processor, concurrency: number): QueueWorker {
    const worker = new QueueWorker(
      name,
      processor,
      {
        concurrency,
        lockDuration: ENTRY_LOCK_MS,
        stalledInterval: ENTRY_LOCK_MS / 2,
        connection: this.pool ?? this.redis.forWorkers,
        ...this.keyPrefix(name),
        runRetryDelay: FETCH_RETRY_MS,
      },
      this.factory,
    );
    worker.on('error', (error) => this.warn(error));
    this.workers.push(worker);
    return worker;
  }

  /** The queues whose worker in this process has stopped polling although it has free capacity. */
  stalledWorkers(afterMs = STALLED_AFTER_MS): string[] {
    return this.workers.filter(({ msWithoutPoll }) => msWithoutPoll > afterMs).map(({ name }) => name);
  }

  /** False when the PostgreSQL queue does not find its tables: a pooler may drop the search path of a connection. */
  async isUsable(): Promise<boolean> {
    if (!this.pool) return true;
    const { rows } = await this.pool.query<{ schema: string | null }>('SELECT current_schema() AS schema');
    return rows[0]?.schema === QUEUE_SCHEMA;
  }

  onApplicationBootstrap(): void {
    if (this.pool && this.config.NODE_ENV === 'production') {
      this.logger.warn('REDIS_URL is empty: the queue runs on PostgreSQL, with far fewer jobs per second');
    }
  }

  /** After the HTTP server and the workers, because a request in flight may still dispatch a job. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.queues.values()].map((queue) => queue.close()));
    await this.pool?.end();
  }

  /** BullMQ declares the factory of its default backend only. */
  private get factory(): never {
    return (this.pool ? createPostgresBackend : createRedisBackend) as never;
  }

  /** All keys of a queue need the same hash slot of a cluster. The queues are spread over its nodes. */
  private keyPrefix(name: string): { prefix?: string } {
    return this.config.REDIS_CLUSTER ? { prefix: `{bull:${name}}` } : {};
  }

  private createPool(connectionString: string): pg.Pool {
    const pool = new pg.Pool({
      connectionString,
      max: POSTGRES_POOL_MAX,
      keepAlive: true,
      // A crash of PostgreSQL may lose the last entries. The sweep adds them again, as after a lost Redis.
      onConnect: prepareConnection(
        { search_path: QUEUE_SCHEMA, synchronous_commit: 'off' },
        POSTGRES_RESPONSE_TIMEOUT_MS,
      ),
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      application_name: `${product.name}-queue`,
    });
    pool.on('error', (error) => this.warn(error));
    // Every queue and worker adds an error listener.
    return pool.setMaxListeners(0);
  }

  private discard(name: string, queue: Queue): void {
    if (this.queues.get(name) === queue) this.queues.delete(name);
    void queue.close().catch(() => undefined);
  }

  /** Limited, because a broken connection repeats its error many times a second. */
  private warn(error: Error): void {
    if (performance.now() - this.warnedAt < WARNING_INTERVAL_MS) return;
    this.warnedAt = performance.now();
    this.logger.warn({ msg: 'Queue error', err: error });
  }
}
