import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type JobsOptions, type Processor, Queue, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { Config } from '../config/config.ts';
import {
  type DependencyState,
  postgresConnections,
  type QueueConnections,
  redisConnections,
} from './queue-connections.ts';
import { QueueWorker } from './queue-worker.ts';

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
const REPORT_PAUSE_MS = 10_000;
/** No wait for news is as long, and no job of any size keeps a worker from asking while it has room for another. */
const SILENCE_MAX_MS = 60_000;

/** BullMQ on Redis, or on PostgreSQL when REDIS_URL is empty. Nothing outside of queue-connections.ts knows which. */
@Injectable()
export class QueueBackend implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Queue');
  private readonly queues = new Map<string, Queue>();
  private readonly workers: QueueWorker[] = [];
  private readonly connections: QueueConnections;
  private readonly isProduction: boolean;
  private reportedAt = -Infinity;

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

  worker(name: string, processor: Processor, tuning: WorkerTuning): QueueWorker {
    const { consumer, factory } = this.connections;
    const worker = new QueueWorker(
      name,
      processor,
      { ...tuning, connection: consumer(), runRetryDelay: FETCH_RETRY_MS },
      factory as never,
    );
    worker.on('error', (error) => this.report(error));
    this.workers.push(worker);
    return worker;
  }

  /** The queues whose worker here asks for no work any more, though it could take some. */
  silentWorkers(forMs = SILENCE_MAX_MS): string[] {
    return this.workers.filter(({ silentMs }) => silentMs > forMs).map(({ name }) => name);
  }

  /** The connection for counters that all instances share; undefined where there is no Redis. */
  get redis(): Redis | undefined {
    return this.connections.counters;
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

  /** A connection that is down repeats itself many times a second. */
  private report(error: Error): void {
    if (performance.now() - this.reportedAt < REPORT_PAUSE_MS) return;
    this.reportedAt = performance.now();
    this.logger.warn({ msg: 'The queue reports a fault', err: error });
  }
}
