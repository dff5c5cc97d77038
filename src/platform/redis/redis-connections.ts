import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { Config, StartupError } from '../config/config.ts';
import { ClusterConnector, mastersOf, type RedisClient } from './redis-cluster.ts';
import { findMissingRequirement, isClusterMissing, NO_CLUSTER } from './redis-requirements.ts';

const COMMAND_TIMEOUT_MS = 2_000;
/** A request may wait for two counters, so a Redis that hangs must not make it slow. */
const COUNTER_TIMEOUT_MS = 500;
const RECONNECT_MAX_MS = 5_000;
/**
 * Closes a connection on which no response arrives for this long. TCP alone detects a silent failure minutes later.
 * Longer than any blocking wait for a job.
 */
const SOCKET_TIMEOUT_MS = 15_000;
const WARNING_INTERVAL_MS = 10_000;
/** How long the start-up waits for Redis. Without it the process starts and checks Redis once it responds. */
const START_TIMEOUT_MS = 2_000;
const PROBE_KEY = 'readiness';
const PROBE_TTL_MS = 1_000;

export type RedisState = 'up' | 'down' | 'unused';

/** The Redis connections of this process. There are none when REDIS_URL is empty. */
@Injectable()
export class RedisConnections implements OnModuleInit, OnApplicationShutdown {
  /** Fails fast: a request never waits for Redis. */
  readonly commands: RedisClient | undefined;
  /** For rate limits and messages. Fails even faster. */
  readonly counters: RedisClient | undefined;
  private blocking: RedisClient | undefined;
  private readonly logger = new Logger('Redis');
  private readonly url: string | undefined;
  private readonly cluster: ClusterConnector | undefined;
  private readonly options: RedisOptions;
  /** Why the queue cannot work on this Redis. */
  private missing: string | undefined;
  private warnedAt = -Infinity;

  constructor(config: Config) {
    this.url = config.REDIS_URL || undefined;
    this.options = {
      // Short and capped, so that work resumes within seconds after Redis is back.
      retryStrategy: (attempt) => Math.min(attempt * 200, RECONNECT_MAX_MS),
      connectTimeout: 5_000,
      socketTimeout: SOCKET_TIMEOUT_MS,
      // A primary that a failover has demoted keeps its connections. Reconnecting finds the new primary.
      reconnectOnError: ({ message }) => message.includes('READONLY'),
    };
    if (!this.url) return;
    if (config.REDIS_CLUSTER) this.cluster = new ClusterConnector(this.url);
    this.commands = this.connect({
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: COMMAND_TIMEOUT_MS,
    });
    this.counters = this.connect({
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: COUNTER_TIMEOUT_MS,
    });
  }

  /**
   * For the blocking commands of queue workers, which wait for Redis without a limit (BullMQ, "Going to production").
   * Created on first use, because the API has no workers. Never `lazyConnect`: BullMQ would open such a connection itself
   * and give up the worker when Redis is down.
   */
  get forWorkers(): RedisClient {
    this.blocking ??= this.connect({ maxRetriesPerRequest: null });
    return this.blocking;
  }

  /** Writes, because a demoted or full Redis still responds to PING. */
  async state(): Promise<RedisState> {
    if (!this.commands) return 'unused';
    if (this.missing) return 'down';
    try {
      await this.commands.set(PROBE_KEY, '1', 'PX', PROBE_TTL_MS);
      return 'up';
    } catch {
      return 'down';
    }
  }

  /** Stops the start-up when the queue cannot work on this Redis. A Redis that is unreachable may come back. */
  async onModuleInit(): Promise<void> {
    const { commands } = this;
    if (!commands) return;
    if (await isReady(commands)) await this.checkRequirements(commands);
    if (this.missing) throw new StartupError(this.missing);
    // Redis may come back as another server, with another configuration.
    commands.on('ready', () => void this.checkRequirements(commands));
  }

  onApplicationShutdown(): void {
    for (const redis of [this.commands, this.counters, this.blocking]) redis?.disconnect();
  }

  private connect(options: RedisOptions): RedisClient {
    const merged = { ...this.options, ...options };
    if (!this.cluster) return new Redis(this.url!, merged).on('error', (error) => this.warn(error));
    return this.cluster
      .connect(merged)
      .on('error', (error) => this.warn(error))
      .on('node error', (error) => this.warnOfNode(error))
      .on('reconnecting', () => this.warn(new Error('The Redis Cluster is unreachable or incomplete')));
  }

  /** Checks each master of a cluster, because each has its own version, users and configuration. */
  private async checkRequirements(redis: RedisClient): Promise<void> {
    const isCluster = redis instanceof Cluster;
    const masters = mastersOf(redis);
    const missing = await Promise.all(masters.map((master) => findMissingRequirement(master, isCluster)));
    this.missing = missing.find((requirement) => requirement !== undefined);
    if (this.missing) this.logger.error(this.missing);
    else for (const master of masters) await this.warnOfEviction(master);
  }

  /** A Redis that evicts keys loses queued jobs. They are dispatched again from the jobs table, but late. */
  private async warnOfEviction(redis: Redis): Promise<void> {
    // A managed Redis may reject CONFIG. An unreachable Redis is reported elsewhere.
    const [, policy] = await redis.config('GET', 'maxmemory-policy').catch((): unknown[] => []);
    if (policy && policy !== 'noeviction') {
      const { host, port } = redis.options;
      const node = `${host}:${port}`;
      this.logger.warn({
        msg: 'Redis may evict queued jobs: set maxmemory-policy to noeviction',
        policy,
        node,
      });
    }
  }

  private warnOfNode(error: Error): void {
    // If `commands` is connected, another client has found a single Redis, at an IP address that a node had before.
    if (isClusterMissing(error) && this.commands?.status !== 'ready') this.missing = NO_CLUSTER;
    this.warn(error);
  }

  /** Limited, because a broken connection repeats its error many times a second. */
  private warn(error: Error): void {
    if (performance.now() - this.warnedAt < WARNING_INTERVAL_MS) return;
    this.warnedAt = performance.now();
    this.logger.warn({ msg: 'Redis connection failed', err: error });
  }
}

/** False as soon as the first attempt to connect fails. */
async function isReady(redis: RedisClient): Promise<boolean> {
  if (redis.status === 'ready') return true;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), START_TIMEOUT_MS);
    for (const event of ['ready', 'close']) {
      redis.once(event, () => {
        clearTimeout(timer);
        resolve(event === 'ready');
      });
    }
  });
}
