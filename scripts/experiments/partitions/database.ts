import pg from 'pg';
import { migrations } from '../../../src/platform/database/migrations.ts';
import { SESSION_SETTINGS } from '../../../src/platform/database/session-settings.ts';

/** One connection with the settings of the application. */
export class Database {
  private readonly client: pg.Client;

  constructor(connectionString: string) {
    this.client = new pg.Client({ connectionString });
  }

  async open(): Promise<void> {
    await this.client.connect();
    for (const [name, value] of Object.entries(SESSION_SETTINGS)) await this.run(`SET ${name} = '${value}'`);
  }

  close(): Promise<void> {
    return this.client.end();
  }

  /** Resolves to the number of changed rows. */
  async run(text: string, values?: unknown[]): Promise<number> {
    const { rowCount } = await this.client.query(text, values);
    return rowCount ?? 0;
  }

  async column(text: string, values?: unknown[]): Promise<string[]> {
    const { rows } = await this.client.query({ text, ...(values && { values }), rowMode: 'array' });
    return (rows as unknown[][]).map(([value]) => String(value));
  }

  async value(text: string): Promise<string> {
    return (await this.column(text))[0]!;
  }

  /** Milliseconds. */
  async time(text: string, values?: unknown[]): Promise<number> {
    const start = performance.now();
    await this.client.query(text, values);
    return performance.now() - start;
  }

  async migrate(): Promise<void> {
    const runner = { query: (text: string) => this.client.query(text) };
    for (const migration of migrations) await new migration().up(runner as never);
  }

  /** The size of a table with its indexes and partitions, in bytes. */
  async size(table: string): Promise<number> {
    const sizes = `SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size('${table}'))
      FROM pg_partition_tree('${table}')`;
    return Number(await this.value(sizes));
  }

  /** Measures the time and the WAL of `work`. Starts after a checkpoint, like most work in production. */
  async measure(work: () => Promise<unknown>): Promise<{ ms: number; wal: number }> {
    await this.run('CHECKPOINT');
    const before = await this.value('SELECT pg_current_wal_insert_lsn()');
    const start = performance.now();
    await work();
    const ms = performance.now() - start;
    const wal = Number(await this.value(`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '${before}')`));
    return { ms, wal };
  }
}

export const median = (times: number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;

export const duration = (ms: number): string =>
  ms < 1_000 ? `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;

export const bytes = (value: number): string =>
  value < 1e6
    ? `${Math.round(value / 1e3)} kB`
    : value < 1e9
      ? `${Math.round(value / 1e6)} MB`
      : `${(value / 1e9).toFixed(2)} GB`;
