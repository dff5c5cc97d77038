import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../config/config.ts';
import { AfterCommit } from '../database/after-commit.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import { type BusTransport, createTransport } from './bus-transports.ts';

/** Contains ids only. The data is in PostgreSQL, and NOTIFY carries less than 8,000 bytes. */
export type BusPayload = Record<string, string>;

/** Called without a payload when messages may have been lost: read the new data from PostgreSQL. */
export type BusListener = (payload?: BusPayload) => void;

interface Message {
  channel: string;
  payload: BusPayload;
}

const WARNING_INTERVAL_MS = 10_000;

/**
 * Wakes listeners in every process, through Redis or else PostgreSQL. A message is a hint and may be lost: listeners read
 * the data from PostgreSQL, and also poll it. See docs/decisions/0013-message-bus-sends-hints.md.
 */
@Injectable()
export class MessageBus implements OnApplicationShutdown {
  private readonly logger = new Logger('MessageBus');
  private readonly transport: BusTransport;
  private readonly afterCommit: AfterCommit<Message>;
  private readonly listeners = new Map<string, Set<BusListener>>();
  private isListening = false;
  private warnedAt = -Infinity;

  constructor(config: Config, db: DataSource, redis: RedisConnections) {
    const warn = (error: unknown) => this.warn(error);
    this.transport = createTransport(redis.counters, config.DATABASE_DIRECT_URL, db, warn);
    this.afterCommit = new AfterCommit(db, (messages) => messages.forEach((message) => this.send(message)));
  }

  /** Returns at once and never throws, so that no request waits for the bus or fails because of it. */
  publish(channel: string, payload: BusPayload = {}): void {
    this.send({ channel, payload });
  }

  /** Publishes once the transaction has committed. Publishes nothing when it rolls back. */
  publishAfterCommit(tx: EntityManager, channel: string, payload: BusPayload = {}): void {
    this.afterCommit.add(tx, { channel, payload });
  }

  /** Returns the function that ends the subscription. The listener must not throw. */
  subscribe(channel: string, listener: BusListener): () => void {
    this.startListening();
    const listeners = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(channel) === listeners) this.listeners.delete(channel);
    };
  }

  onApplicationShutdown(): Promise<void> {
    return this.transport.close();
  }

  private send(message: Message): void {
    this.transport.publish(JSON.stringify(message)).catch((error: unknown) => this.warn(error));
  }

  /** Opens the connection with the first subscription. */
  private startListening(): void {
    if (this.isListening) return;
    this.isListening = true;
    this.transport.listen(
      (text) => this.deliver(text),
      () => this.listeners.forEach((listeners) => listeners.forEach((listener) => listener())),
    );
  }

  /** Never throws: a malformed message from another client of Redis must not end the process. */
  private deliver(text: string): void {
    try {
      const { channel, payload } = JSON.parse(text) as Message;
      this.listeners.get(channel)?.forEach((listener) => listener(payload));
    } catch (error) {
      this.warn(error);
    }
  }

  /** Limited, because a broken connection repeats its error many times a second. */
  private warn(error: unknown): void {
    if (performance.now() - this.warnedAt < WARNING_INTERVAL_MS) return;
    this.warnedAt = performance.now();
    this.logger.warn({ msg: 'Message bus error', err: error });
  }
}
