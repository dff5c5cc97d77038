import type { Redis } from 'ioredis';
import { type BusTransport, RECONNECT_MS, type ReportFault } from './bus-transport.ts';

/** Publish/subscribe of Redis: one connection that listens; messages go out on the one that all of the process shares. */
export class RedisTransport implements BusTransport {
  private readonly channel: string;
  private subscriber?: Redis;

  constructor(
    private readonly publisher: Redis,
    private readonly report: ReportFault,
  ) {
    // All that use a Redis share its channels, whatever the number of their database: so both are part of the name.
    this.channel = `reference-bus:${publisher.options.db ?? 0}`;
  }

  publish(message: string): Promise<unknown> {
    return this.publisher.publish(this.channel, message);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    const subscriber = this.publisher.duplicate({
      autoResubscribe: false,
      // It waits for Redis for as long as it takes, and nobody waits for it.
      maxRetriesPerRequest: null,
      retryStrategy: (attempt: number) => Math.min(attempt * RECONNECT_MS.min, RECONNECT_MS.max),
    });
    this.subscriber = subscriber;
    subscriber.on('error', this.report);
    subscriber.on('message', (_channel, message) => onMessage(message));
    subscriber.on('ready', () => void subscriber.subscribe(this.channel).then(onConnected, this.report));
  }

  async close(): Promise<void> {
    this.subscriber?.disconnect();
  }
}
