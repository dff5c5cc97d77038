import { Cluster, type Redis } from 'ioredis';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { product } from '../config/product.ts';
import { mastersOf, type RedisClient } from '../redis/redis-cluster.ts';

/** Carries messages from one process to all others. */
export interface BusTransport {
  /** Rejects when the message could not be sent. A message that was sent may still be lost. */
  publish(message: string): Promise<unknown>;
  /** Listens until `close`. Calls `onConnected` at the start and after each reconnect. */
  listen(onMessage: (message: string) => void, onConnected: () => void): void;
  close(): Promise<void>;
}

type WarnOfError = (error: unknown) => void;

const RECONNECT_MS = { min: 200, max: 3_000 } as const;

/** One channel for all messages. PostgreSQL separates the channels of each database. */
const POSTGRES_CHANNEL = 'bus';
const CONNECT_TIMEOUT_MS = 5_000;

/** Repeats an attempt to connect, with longer and longer pauses. */
class Reconnection {
  private timer?: NodeJS.Timeout;
  private pauseMs: number = RECONNECT_MS.min;
  private isStopped = false;

  later(attempt: () => void): void {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(attempt, this.pauseMs);
    this.timer.unref();
    this.pauseMs = Math.min(2 * this.pauseMs, RECONNECT_MS.max);
  }

  /** Call it when connected. */
  reset(): void {
    this.pauseMs = RECONNECT_MS.min;
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }
}

/** LISTEN and NOTIFY, on one direct connection per process: LISTEN belongs to a session, which a pooler may change. */
class PostgresTransport implements BusTransport {
  private client: pg.Client | undefined;
  private readonly reconnection = new Reconnection();

  constructor(
    private readonly directUrl: string,
    private readonly db: DataSource,
    private readonly warn: WarnOfError,
  ) {}

  publish(message: string): Promise<unknown> {
    return this.db.query('SELECT pg_notify($1, $2)', [POSTGRES_CHANNEL, message]);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    void this.connect(onMessage, onConnected);
  }

  async close(): Promise<void> {
    this.reconnection.stop();
    await this.client?.end().catch(() => undefined);
  }

  private async connect(onMessage: (message: string) => void, onConnected: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.directUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: `${product.name}-bus`,
    });
    this.client = client;
    client.on('error', this.warn);
    client.once('end', () => this.reconnection.later(() => void this.connect(onMessage, onConnected)));
    client.on('notification', ({ payload }) => onMessage(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${POSTGRES_CHANNEL}`);
      this.reconnection.reset();
      onConnected();
    } catch (error) {
      this.warn(error);
      client.end().catch(() => undefined);
    }
  }
}

/** Redis publish/subscribe: one connection that listens. Messages are sent on the shared connection of the process. */
class RedisTransport implements BusTransport {
  private readonly channel: string;
  private subscriber?: Redis;

  constructor(
    private readonly publisher: Redis,
    private readonly warn: WarnOfError,
  ) {
    // Redis channels are shared by all database numbers, so the number is part of the name.
    this.channel = `${product.name}-bus:${publisher.options.db ?? 0}`;
  }

  publish(message: string): Promise<unknown> {
    return this.publisher.publish(this.channel, message);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    const subscriber = this.publisher.duplicate({
      autoResubscribe: false,
      // No request uses this connection, so it may wait for Redis without a limit.
      maxRetriesPerRequest: null,
      retryStrategy: (attempt: number) => Math.min(attempt * RECONNECT_MS.min, RECONNECT_MS.max),
    });
    this.subscriber = subscriber;
    subscriber.on('error', this.warn);
    subscriber.on('message', (_channel, message) => onMessage(message));
    subscriber.on('ready', () => void subscriber.subscribe(this.channel).then(onConnected, this.warn));
  }

  async close(): Promise<void> {
    this.subscriber?.disconnect();
  }
}

/**
 * Redis publish/subscribe on a cluster. Each node sends each message to all others, so one connection to any master is
 * enough. ioredis also chooses a node, but does not report when it changes, and messages in between are lost.
 */
class RedisClusterTransport implements BusTransport {
  private readonly channel = `${product.name}-bus`;
  private subscriber?: Redis;
  private readonly reconnection = new Reconnection();

  constructor(
    private readonly publisher: Cluster,
    private readonly warn: WarnOfError,
  ) {
    // A node that has left the cluster may still run, and keeps the connection.
    publisher.on('-node', ({ options }: Redis) => {
      const { host, port } = this.subscriber?.options ?? {};
      if (options.host === host && options.port === port) this.subscriber?.disconnect();
    });
  }

  publish(message: string): Promise<unknown> {
    return this.publisher.publish(this.channel, message);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    const node = sample(mastersOf(this.publisher));
    const listenLater = () => this.reconnection.later(() => this.listen(onMessage, onConnected));
    if (!node) return listenLater();
    const subscriber = node.duplicate({ lazyConnect: false, commandTimeout: undefined });
    this.subscriber = subscriber;
    subscriber.on('error', this.warn);
    subscriber.once('end', listenLater);
    subscriber.on('message', (_channel, message) => onMessage(message));
    subscriber.once('ready', () => void this.subscribe(subscriber, onConnected));
  }

  async close(): Promise<void> {
    this.reconnection.stop();
    this.subscriber?.disconnect();
  }

  private async subscribe(subscriber: Redis, onConnected: () => void): Promise<void> {
    try {
      await subscriber.subscribe(this.channel);
      this.reconnection.reset();
      onConnected();
    } catch (error) {
      this.warn(error);
      subscriber.disconnect();
    }
  }
}

const sample = <T>(values: T[]): T | undefined => values[Math.floor(Math.random() * values.length)];

/** Redis if there is one, or else PostgreSQL. */
export function createTransport(
  redis: RedisClient | undefined,
  directUrl: string,
  db: DataSource,
  warn: WarnOfError,
): BusTransport {
  if (!redis) return new PostgresTransport(directUrl, db, warn);
  return redis instanceof Cluster ? new RedisClusterTransport(redis, warn) : new RedisTransport(redis, warn);
}
