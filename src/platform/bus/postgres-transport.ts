import pg from 'pg';
import type { DataSource } from 'typeorm';
import { type BusTransport, RECONNECT_MS, type ReportFault } from './bus-transport.ts';

/** One for all messages: PostgreSQL keeps the channels of each database apart. */
const CHANNEL = 'bus';
const CONNECT_TIMEOUT_MS = 5_000;

/** LISTEN and NOTIFY, on one connection a process that goes past any pooler: LISTEN belongs to a session. */
export class PostgresTransport implements BusTransport {
  private client: pg.Client | undefined;
  private retry?: NodeJS.Timeout;
  private pauseMs: number = RECONNECT_MS.min;
  private isClosed = false;

  constructor(
    private readonly directUrl: string,
    private readonly db: DataSource,
    private readonly report: ReportFault,
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
    client.on('error', this.report);
    client.once('end', () => this.connectLater(onMessage, onConnected));
    client.on('notification', ({ payload }) => onMessage(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.pauseMs = RECONNECT_MS.min;
      onConnected();
    } catch (error) {
      this.report(error);
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
