import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../config/config.ts';
import { AfterCommit } from '../database/after-commit.ts';
import { QueueBackend } from '../queue/queue-backend.ts';
import type { BusTransport } from './bus-transport.ts';
import { PostgresTransport } from './postgres-transport.ts';
import { RedisTransport } from './redis-transport.ts';

/** Ids only: what is to be told is in Postgres, and NOTIFY carries less than 8,000 bytes. */
export type BusPayload = Record<string, string>;

/** Called without a payload when messages may have been missed: look for what is new. */
export type BusListener = (payload?: BusPayload) => void;

interface Message {
  channel: string;
  payload: BusPayload;
}

const REPORT_PAUSE_MS = 10_000;

/**
 * Tells every process that something has happened, on Redis or else on PostgreSQL. A hint, not a record: a message may
 * be lost, so whoever listens reads what is new from Postgres (docs/decisions/0013).
 */
@Injectable()
export class MessageBus implements OnApplicationShutdown {
  private readonly logger = new Logger('MessageBus');
  private readonly transport: BusTransport;
  private readonly committed: AfterCommit<Message>;
  private readonly listeners = new Map<string, Set<BusListener>>();
  private isListening = false;
  private reportedAt = -Infinity;

  constructor(config: Config, db: DataSource, queues: QueueBackend) {
    const report = (error: unknown) => this.report(error);
    this.transport = queues.redis
      ? new RedisTransport(queues.redis, report)
      : new PostgresTransport(config.DATABASE_DIRECT_URL, db, report);
    this.committed = new AfterCommit(db, (messages) => messages.forEach((message) => this.send(message)));
  }

  /** Returns at once and never throws: no request waits for the bus or fails with it. */
  publish(channel: string, payload: BusPayload = {}): void {
    this.send({ channel, payload });
  }

  /** The same once the transaction has committed, and never when it rolls back. */
  publishAfterCommit(tx: EntityManager, channel: string, payload: BusPayload = {}): void {
    this.committed.add(tx, { channel, payload });
  }

  /** Returns what ends the subscription. The listener must not throw. */
  subscribe(channel: string, listener: BusListener): () => void {
    this.listenOnce();
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
    this.transport.publish(JSON.stringify(message)).catch((error: unknown) => this.report(error));
  }

  /** Only a process in which somebody listens keeps a connection for it. */
  private listenOnce(): void {
    if (this.isListening) return;
    this.isListening = true;
    this.transport.listen(
      (text) => this.deliver(text),
      () => this.listeners.forEach((listeners) => listeners.forEach((listener) => listener())),
    );
  }

  /** Never throws: anybody who may connect can send what is none of ours, and the error would end the process. */
  private deliver(text: string): void {
    try {
      const { channel, payload } = JSON.parse(text) as Message;
      this.listeners.get(channel)?.forEach((listener) => listener(payload));
    } catch (error) {
      this.report(error);
    }
  }

  /** A connection that is down repeats itself many times a second. */
  private report(error: unknown): void {
    if (performance.now() - this.reportedAt < REPORT_PAUSE_MS) return;
    this.reportedAt = performance.now();
    this.logger.warn({ msg: 'The message bus reports a fault', err: error });
  }
}
