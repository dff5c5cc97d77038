import pg from 'pg';
import type { DataSource } from 'typeorm';
import { type BusTransport, RECONNECT_MS, type WarnOfError } from './bus-transport.ts';

/** One channel for all messages. PostgreSQL separates the channels of each database. */
const CHANNEL = 'bus';
const CONNECT_TIMEOUT_MS = 5_000;

/** LISTEN and NOTIFY, on one direct connection per process: LISTEN belongs to a session, which a pooler may change. */
export class PostgresTransport implements BusTransport {
  private client: pg.Client | undefined;
  private retry?: NodeJS.Timeout;
  private pauseMs: number = RECONNECT_MS.min;
  private isClosed = false;

  constructor(
    private readonly directUrl: string,
    private readonly db: DataSource,
    private readonly warn: WarnOfError,
  ) {}

  publish(message: string): Promise<unknown> {
    return this.db.query('SELECT pg_notify($1, $2)', [CHANNEL, message]);
  }

  listen(onMessage: (message: string) => void, onConnected: () => void): void {
    void this.connect(onMessage, onConnected);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.retry);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(onMessage: (message: string) => void, onConnected: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.directUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'reference-bus',
    });
    this.client = client;
    client.on('error', this.warn);
    client.once('end', () => this.connectLater(onMessage, onConnected));
    client.on('notification', ({ payload }) => onMessage(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.pauseMs = RECONNECT_MS.min;
      onConnected();
    } catch (error) {
      this.warn(error);
      client.end().catch(() => undefined);
    }
  }

  private connectLater(onMessage: (message: string) => void, onConnected: () => void): void {
    if (this.isClosed) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(onMessage, onConnected), this.pauseMs);
    this.retry.unref();
    this.pauseMs = Math.min(2 * this.pauseMs, RECONNECT_MS.max);
  }
}
