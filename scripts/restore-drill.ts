/** Restores a back-up into an empty database, checks it and starts the API on it: bin/restore-drill <file> [--into <URL>] */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { connect, countRows, listTables } from './back-ups/database.ts';
import { type Manifest, readManifest } from './back-ups/manifest.ts';
import { runTool, toolVersion } from './back-ups/pg-tools.ts';
import { restoreRows } from './back-ups/rows.ts';
import { build } from './dev-environment.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { becomesTrue, freePort } from './processes.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `bin/restore-drill <file> [--into <URL>]
Restores a back-up of bin/backup, applies pending migrations, compares the number of rows of each table and starts the API.
Without --into, in a temporary PostgreSQL, which is removed at the end. With it, in this database, which stays: it must be
empty, or is created. Starts no worker, so that nothing is sent.`;

const API_START_MS = 120_000;
const root = dirname(import.meta.dirname);

type MigrationClass = new () => object;
interface Programs {
  migrations: MigrationClass[];
  migrate: (classes?: MigrationClass[]) => Promise<{ applied: string[] }>;
}

/** Checks the back-up before anything is started. */
function openBackUp(file: string): Manifest {
  const manifest = readManifest(file);
  const known = globSync('migrations/*.ts').map((path) => basename(path).split('-')[0] ?? '');
  const unknown = manifest.migrations.filter((name) => !known.some((time) => name.endsWith(time)));
  if (unknown.length > 0) {
    throw new UsageError(
      `The back-up has migrations that this release doesn't know: ${unknown.join(', ')}. Use the release of the back-up, or a newer one.`,
    );
  }
  if (manifest.format === 'pg_dump') requirePgRestore(manifest);
  return manifest;
}

function requirePgRestore({ postgresVersion }: Manifest): void {
  const installed = toolVersion('pg_restore') ?? 0;
  if (installed >= postgresVersion) return;
  throw new UsageError(
    `The back-up needs pg_restore ${postgresVersion} or newer. ${installed ? `This is ${installed}` : 'There is none'}: install postgresql-client-${postgresVersion}.`,
  );
}

async function drill(file: string, manifest: Manifest, url: string): Promise<void> {
  const db = await openEmpty(url);
  try {
    build();
    const { migrations, migrate } = await loadMigrations(url);
    const startedAt = performance.now();
    if (manifest.format === 'rows') {
      await migrate(migrations.filter(({ name }) => manifest.migrations.includes(name)));
      await restoreRows(db, file);
    } else {
      const options = ['--no-owner', '--no-privileges', '--exit-on-error', '--single-transaction'];
      await runTool('pg_restore', url, [...options, file]);
    }
    await db.query('ANALYZE');
    await compareRows(db, manifest);
    const { applied } = await migrate();
    console.log(`Migrations after the back-up: ${applied.join(', ') || 'none'}.`);
    await printState(db, manifest);
    await startApi(url);
    console.log(
      `RTO: the API is ready ${seconds(performance.now() - startedAt)} after the start of the restore.`,
    );
  } finally {
    await db.end();
  }
}

/** The migration program of the build. It creates the queue in the schema `bullmq`, which is empty. */
async function loadMigrations(url: string): Promise<Programs> {
  const load = (path: string) => import(new URL(`../dist/src/platform/${path}.js`, import.meta.url).href);
  const [{ loadConfig }, { migrate }, { migrations }] = await Promise.all([
    load('config/config'),
    load('database/migrate'),
    load('database/migrations'),
  ]);
  const config = loadConfig(undefined, settingsFor(url));
  return { migrations, migrate: (classes) => migrate(config, classes) };
}

const settingsFor = (url: string) => ({ NODE_ENV: 'development', LOG_LEVEL: 'warn', DATABASE_URL: url });

/** Creates the database if the server has none of this name. */
async function openEmpty(url: string): Promise<pg.Client> {
  const db = await connect(url).catch(async (error: UsageError) => {
    if ((error.cause as { code?: string } | undefined)?.code !== '3D000') throw error;
    const target = new URL(url);
    const name = decodeURIComponent(target.pathname.slice(1));
    target.pathname = '/postgres';
    const server = await connect(target.href);
    await server.query(`CREATE DATABASE ${server.escapeIdentifier(name)}`);
    await server.end();
    return connect(url);
  });
  const { rowCount } = await db.query(
    `SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S') LIMIT 1`,
  );
  if (!rowCount) return db;
  await db.end();
  throw new UsageError(
    'The database of --into is not empty. Name another one: a missing database is created.',
  );
}

async function compareRows(db: pg.Client, { rows }: Manifest): Promise<void> {
  const restored = await countRows(db, await listTables(db));
  const names = [...new Set([...Object.keys(rows), ...Object.keys(restored)])];
  const differing = names.filter((name) => rows[name] !== restored[name]);
  if (differing.length > 0) {
    const lines = differing.map(
      (name) => `${name}: ${rows[name] ?? 'no table'}, restored ${restored[name] ?? 'no table'}`,
    );
    throw new UsageError(['The restored rows differ from the back-up:', ...lines].join('\n'));
  }
  const count = Object.values(restored).reduce((sum, one) => sum + one, 0);
  console.log(`Restored ${count} rows of ${names.length} tables, as many as the back-up has.`);
}

/** Prints the jobs that a worker would run, and the age of the newest change. */
async function printState(db: pg.Client, { takenAt }: Manifest): Promise<void> {
  const { rows } = await db.query<{ queued: string; active: string }>(
    `SELECT count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'active') AS active FROM jobs`,
  );
  const { queued, active } = rows[0]!;
  console.log(`Jobs that the first worker dispatches again: ${queued} queued, ${active} interrupted.`);
  const newest = await newestChange(db);
  const age = newest
    ? `${seconds(Math.max(0, Date.parse(takenAt) - newest.getTime()))} older than`
    : 'in no table of';
  console.log(`RPO: the newest row is ${age} the back-up of ${takenAt}. Later changes are lost.`);
}

async function newestChange(db: pg.Client): Promise<Date | undefined> {
  const { rows: columns } = await db.query<{ table: string; column: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS table, column_name AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name IN ('created_at', 'updated_at')`,
  );
  const times: Date[] = [];
  for (const { table, column } of columns) {
    const { rows } = await db.query<{ newest: Date | null }>(`SELECT max(${column}) AS newest FROM ${table}`);
    if (rows[0]?.newest) times.push(rows[0].newest);
  }
  return times.toSorted((a, b) => a.getTime() - b.getTime()).at(-1);
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Starts the API until it is ready, then stops it. */
async function startApi(url: string): Promise<void> {
  const dir = mkdtempSync(join(root, '.local/restore-drill-api-'));
  const port = await freePort();
  const metricsPort = await freePort();
  const env = {
    PATH: process.env.PATH,
    ...settingsFor(url),
    HOST: '127.0.0.1',
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    JWT_KEYS_DIR: join(dir, 'keys'),
    MAIL_DIR: join(dir, 'mail'),
  };
  const api = spawn(process.execPath, ['dist/src/main.js'], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(api, 'exit');
  try {
    const isReady = () =>
      fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    const hasEnded = await becomesTrue(async () => api.exitCode !== null || (await isReady()), API_START_MS);
    if (!hasEnded || api.exitCode !== null)
      throw new UsageError('The API does not get ready on the restored database.');
  } finally {
    api.kill('SIGTERM');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  }
}

async function inTemporaryPostgres(work: (url: string) => Promise<void>): Promise<void> {
  // Always the same folder, so that a drill removes the data of an earlier drill that was killed.
  const dir = join(root, '.local/restore-drill');
  await removeEmbeddedPostgres(dir);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void removeEmbeddedPostgres(dir).finally(() => process.exit(1)));
  }
  try {
    const { url } = await startEmbeddedPostgres({ dir });
    await work(url);
  } finally {
    await removeEmbeddedPostgres(dir);
  }
}

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { into: { type: 'string' } },
  });
  const [file, ...others] = positionals;
  if (!file || others.length > 0) throw new UsageError(USAGE);
  process.chdir(root);
  const path = resolve(process.env.CALLER_DIR ?? '.', file);
  const manifest = openBackUp(path);
  const run = (url: string) => drill(path, manifest, url);
  await (values.into ? run(values.into) : inTemporaryPostgres(run));
});
