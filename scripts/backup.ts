/** Writes a back-up of the database to a file: bin/backup [file]. See docs/guides/back-ups.md. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { appliedMigrations, connect, countRows, listTables, serverVersion } from './back-ups/database.ts';
import { type Manifest, manifestOf, writeManifest } from './back-ups/manifest.ts';
import { runTool, toolVersion } from './back-ups/pg-tools.ts';
import { writeRows } from './back-ups/rows.ts';
import { inDevelopment } from './dev-environment.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `bin/backup [file]
Writes a back-up of the database of MIGRATION_DATABASE_URL, DATABASE_DIRECT_URL or DATABASE_URL, whichever is set first.
If none is set: of the database of bin/dev. Without a file: to .local/back-ups/<time>.
It also writes <file>.json, with the number of rows of each table.`;

/** The schema of the queue. Workers fill it again from the jobs table. */
const QUEUE_SCHEMA = 'bullmq';

/** The role of the migrations comes first: it may read everything. The role of the application can't read sequences. */
function databaseUrl(): string | undefined {
  const { MIGRATION_DATABASE_URL, DATABASE_DIRECT_URL, DATABASE_URL } = process.env;
  return MIGRATION_DATABASE_URL || DATABASE_DIRECT_URL || DATABASE_URL;
}

async function backUp(url: string, file: string): Promise<void> {
  for (const each of [file, manifestOf(file)]) {
    if (existsSync(each)) throw new UsageError(`${each} exists. Choose another file.`);
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.unfinished-${process.pid}`;
  process.once('exit', () => rmSync(draft, { force: true }));
  const db = await connect(url);
  try {
    const manifest = await writeDraft(db, url, draft);
    // First, so that a back-up with its final name always has a manifest. The second of two back-ups to one file fails.
    writeManifest(file, manifest);
    renameSync(draft, file);
    const rows = Object.values(manifest.rows).reduce((sum, count) => sum + count, 0);
    const megabytes = (statSync(file).size / 1e6).toFixed(1);
    console.log(`${file}: ${rows} rows of ${Object.keys(manifest.rows).length} tables, ${megabytes} MB`);
  } finally {
    await db.end();
  }
}

/** All parts see the same snapshot: the rows that are counted are the rows that are written. */
async function writeDraft(db: pg.Client, url: string, draft: string): Promise<Manifest> {
  // The time is taken just before the snapshot, so the back-up has every change that was committed earlier.
  await db.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await db.query<{ snapshot: string; takenAt: Date; isMigrated: boolean }>(
    `SELECT pg_export_snapshot() AS snapshot, statement_timestamp() AS "takenAt",
       to_regclass('public.migrations') IS NOT NULL AS "isMigrated"`,
  );
  const { snapshot, takenAt, isMigrated } = rows[0]!;
  if (!isMigrated) throw new UsageError('The database has no tables: nothing to back up.');
  const tables = await listTables(db);
  const postgresVersion = await serverVersion(db);
  const format = formatFor(postgresVersion);
  const manifest: Manifest = {
    format,
    takenAt: takenAt.toISOString(),
    postgresVersion,
    migrations: await appliedMigrations(db),
    rows: await countRows(db, tables),
  };
  if (format === 'rows') await writeRows(db, tables, draft);
  else await dump(url, draft, snapshot);
  return manifest;
}

function formatFor(server: number): Manifest['format'] {
  const installed = toolVersion('pg_dump');
  if (installed && installed >= server) return 'pg_dump';
  const why = installed
    ? `pg_dump ${installed} can't read PostgreSQL ${server}`
    : "pg_dump isn't installed, or not on the PATH";
  console.error(
    `${why}, so the back-up has the rows only: bin/restore-drill creates the tables by the migrations.`,
  );
  return 'rows';
}

async function dump(url: string, draft: string, snapshot: string): Promise<void> {
  // pg_dump writes into an existing file, so that no other user can ever read it.
  closeSync(openSync(draft, 'wx', 0o600));
  const options = ['--format=custom', '--no-owner', '--no-privileges', `--exclude-schema=${QUEUE_SCHEMA}`];
  await runTool('pg_dump', url, [...options, `--snapshot=${snapshot}`, `--file=${draft}`]);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

await runProgram(USAGE, async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  if (positionals.length > 1) throw new UsageError(USAGE);
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const root = dirname(import.meta.dirname);
  const file = positionals[0]
    ? resolve(process.env.CALLER_DIR ?? '.', positionals[0])
    : join(root, '.local/back-ups', time);
  const url = databaseUrl();
  if (url) return backUp(url, file);
  await inDevelopment(async () => {
    await backUp(String(databaseUrl()), file);
    return 0;
  });
});
