/** PostgreSQL and Redis for a measurement, with counters of their statements and commands. */
import { Redis } from 'ioredis';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../scripts/embedded-postgres.ts';
import { freePort } from '../scripts/processes.ts';

/** Marks the statements of the benchmark itself. */
export const OWN_STATEMENT = '/* bench */';

export interface StatementUsage {
  calls: number;
  /** Returned or changed. */
  rows: number;
  /** The time of the execution, without the planning. */
  seconds: number;
  /** Blocks of 8 KB, read from memory or from the disk. */
  blocks: number;
}

export class Stores {
  readonly db: pg.Pool;
  readonly redis: Redis;
  readonly redisUrl: string;
  private readonly postgres: EmbeddedPostgres;
  private readonly end: () => Promise<void>;
  private stopped?: Promise<void>;

  private constructor(postgres: EmbeddedPostgres, redisUrl: string, end: () => Promise<void>) {
    this.postgres = postgres;
    this.db = new pg.Pool({ connectionString: postgres.url, max: 2 });
    this.redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
    // The first attempts to connect fail while Redis starts.
    this.redis.on('error', () => undefined);
    this.redisUrl = redisUrl;
    this.end = end;
  }

  /** `settings` of PostgreSQL, `name: value`. */
  static async start(settings: Record<string, string> = {}): Promise<Stores> {
    const dir = mkdtempSync(join(tmpdir(), 'bench-'));
    const postgresDir = join(dir, 'postgres');
    const postgres = await startEmbeddedPostgres({
      dir: postgresDir,
      settings: { shared_preload_libraries: 'pg_stat_statements', max_connections: '300', ...settings },
    });
    const port = await freePort();
    const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
      cwd: dir,
    });
    redis.on('error', () => {
      throw new Error('redis-server is missing: apt-get install redis-server');
    });
    const stores = new Stores(postgres, `redis://127.0.0.1:${port}`, async () => {
      redis.kill('SIGKILL');
      await once(redis, 'exit');
      await postgres.stop();
      // Removed separately: if root runs the server, its data is outside of this folder.
      await removeEmbeddedPostgres(postgresDir);
      rmSync(dir, { recursive: true, force: true });
    });
    await stores.redis.ping();
    await stores.db.query('CREATE EXTENSION pg_stat_statements');
    return stores;
  }

  /** Returns the URL of a new, empty database. Replaces the database of an earlier part of the run. */
  async createDatabase(name: string): Promise<string> {
    await this.db.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await this.db.query(`CREATE DATABASE "${name}"`);
    const url = new URL(this.postgres.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  /** Statements of a database so far, BEGIN and COMMIT included. */
  async countStatements(database: string): Promise<number> {
    const { rows } = await this.db.query<{ calls: string }>(
      `SELECT coalesce(sum(calls), 0) AS calls FROM pg_stat_statements
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)`,
      [database],
    );
    return Number(rows[0]?.calls);
  }

  /** The usage of each statement of a database so far, by its text. */
  async readStatements(database: string): Promise<Map<string, StatementUsage>> {
    const { rows } = await this.db.query<StatementUsage & { query: string }>(
      `SELECT query, sum(calls)::int AS calls, sum(rows)::int AS rows, sum(total_exec_time) / 1000 AS seconds,
         sum(shared_blks_hit + shared_blks_read)::float AS blocks
       FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1) GROUP BY query`,
      [database],
    );
    return new Map(rows.map(({ query, ...usage }) => [query, usage]));
  }

  /** Resets the counters of all statements. */
  async resetStatements(): Promise<void> {
    await this.db.query('SELECT pg_stat_statements_reset()');
  }

  /** Redis commands so far, those inside scripts included. */
  async countRedisCommands(): Promise<number> {
    const stats = await this.redis.info('commandstats');
    return [...stats.matchAll(/cmdstat_(?!info)\S+:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  }

  /** Can be called twice: a signal stops the stores, and the measurement that fails then stops them too. */
  stop(): Promise<void> {
    return (this.stopped ??= this.stopServers());
  }

  private async stopServers(): Promise<void> {
    await this.db.end();
    this.redis.disconnect();
    await this.end();
  }
}
