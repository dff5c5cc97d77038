import type { Redis } from 'ioredis';
import { type BusTransport, RECONNECT_MS, type WarnOfError } from './bus-transport.ts';

/** Redis publish/subscribe: one connection that listens. Messages are sent on the shared connection of the process. */
export class RedisTransport implements BusTransport {
  private readonly channel: string;
  private subscriber?: Redis;

  constructor(
    private readonly publisher: Redis,
    private readonly warn: WarnOfError,
  ) {
    // All databases of a Redis share its channels, so the database number is part of the name.
    this.channel = `reference-bus:${publisher.options.db ?? 0}`;
  }

  publish(message: string): Promise<unknown> {
    return this.publisher.publish(this.channel, message);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    const subscriber = this.publisher.duplicate({
      autoResubscribe: false,
      // Nothing waits for this connection, so it may wait for Redis without a limit.
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
