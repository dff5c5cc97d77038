import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { connect, serverVersion } from '../../scripts/back-ups/database.ts';
import type { Manifest } from '../../scripts/back-ups/manifest.ts';
import { toolVersion } from '../../scripts/back-ups/pg-tools.ts';
import type { TestApp } from './app.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import type { Result } from './project-copy.ts';
import { createTestRedis, type TestRedis } from './redis.ts';
import { until } from './until.ts';

const PATIENCE_MS = 60_000;
const SCRIPTS = join(import.meta.dirname, '../../scripts');

/** A folder for back-ups, and for programs that replace those of the machine. */
export class BackUps {
  readonly dir = mkdtempSync(join(tmpdir(), 'back-ups-'));

  file(name: string): string {
    return join(this.dir, name);
  }

  /** Replaces a program of PostgreSQL by a shell script. It has the arguments in `$@`. */
  fakeTool(name: 'pg_dump' | 'pg_restore', version: number, script = ''): void {
    const text = `#!/bin/sh\n[ "$1" = --version ] && echo "${name} (PostgreSQL) ${version}.1" && exit\n${script}\n`;
    writeFileSync(this.file(name), text);
    chmodSync(this.file(name), 0o700);
  }

  backUp(app: TestApp, file: string): Promise<Result> {
    const { DATABASE_DIRECT_URL } = app.config;
    return this.run('backup.ts', [file], { DATABASE_DIRECT_URL });
  }

  restore(file: string, into: string): Promise<Result> {
    return this.run('restore-drill.ts', [file, '--into', into]);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  private run(program: string, args: string[], env: Record<string, string> = {}): Promise<Result> {
    const PATH = [this.dir, process.env.PATH].join(delimiter);
    return new Promise((resolve) => {
      const options = { env: { PATH, CALLER_DIR: this.dir, ...env } };
      execFile(process.execPath, [join(SCRIPTS, program), ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, output: `${stdout}${stderr}` }),
      );
    });
  }
}

/** `pg_dump` only where its version can read the server of the tests. */
export async function backUpFormats(): Promise<Manifest['format'][]> {
  const server = await connect(String(process.env.TEST_DATABASE_SERVER_URL));
  const version = await serverVersion(server);
  await server.end();
  const installed = Math.min(toolVersion('pg_dump') ?? 0, toolVersion('pg_restore') ?? 0);
  return installed >= version ? ['rows', 'pg_dump'] : ['rows'];
}

/** A database that a back-up is restored into, and the empty Redis of its worker. */
export class RestoredSystem {
  private constructor(
    private readonly database: TestDatabase,
    private readonly redis: TestRedis,
    private readonly db: pg.Pool,
  ) {}

  static async prepare(): Promise<RestoredSystem> {
    const [database, redis] = await Promise.all([createTestDatabase('template0'), createTestRedis()]);
    return new RestoredSystem(database, redis, new pg.Pool({ connectionString: database.url }));
  }

  get url(): string {
    return this.database.url;
  }

  /** Settings for a worker on the restored database. */
  get settings(): Record<string, string> {
    return { DATABASE_URL: this.url, DATABASE_DIRECT_URL: this.url, REDIS_URL: this.redis.url };
  }

  /** The restored rows of `given`, in the same order. Default: all jobs. */
  async jobs(given?: { id: string }[]): Promise<{ id: string }[]> {
    const { rows } = await this.db.query<{ id: string }>('SELECT * FROM jobs');
    return given ? given.flatMap(({ id }) => rows.filter((row) => row.id === id)) : rows;
  }

  /** Waits until the statement returns a row. */
  async untilRow(sql: string, ...parameters: string[]): Promise<void> {
    await until(async () => (await this.db.query(sql, parameters)).rowCount, `a row of ${sql}`, PATIENCE_MS);
  }

  /** Call it after the workers have stopped. */
  async drop(): Promise<void> {
    await this.db.end();
    await this.redis.flush();
    await this.database.drop();
  }
}
