import pg from 'pg';
import { withLibpqMeaning } from '../../src/platform/config/setting-fields.ts';
import { UsageError } from '../usage-error.ts';

export interface Table {
  name: string;
  /** Without generated columns, which Postgres computes. */
  columns: string[];
}

/**
 * The tables of the application. Without `migrations`, which the migration program writes, and without the schema of the
 * queue, which workers fill again from the jobs table.
 */
export async function listTables(db: pg.Client): Promise<Table[]> {
  const { rows } = await db.query<Table>(
    `SELECT relname AS name,
       ARRAY(SELECT attname::text FROM pg_attribute
         WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum) AS columns
     FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'migrations' ORDER BY relname`,
  );
  return rows;
}

export async function countRows(db: pg.Client, tables: Table[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows } = await db.query<{ count: string }>(
      `SELECT count(*) FROM public.${db.escapeIdentifier(name)}`,
    );
    counts[name] = Number(rows[0]?.count);
  }
  return counts;
}

/** The names of the applied migrations, oldest first. */
export async function appliedMigrations(db: pg.Client): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM public.migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

/** A connection without time limits. The role of the application may have some. */
export async function connect(url: string): Promise<pg.Client> {
  const db = new pg.Client({ connectionString: withLibpqMeaning(url), connectionTimeoutMillis: 10_000 });
  // The running statement reports the error.
  db.on('error', () => undefined);
  try {
    await db.connect();
    await db.query(
      'SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0',
    );
    return db;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw new UsageError(`PostgreSQL at ${new URL(url).host} can't be used: ${message || code}.`, {
      cause: error,
    });
  }
}

/** The major version: 18 for 18.4. */
export async function serverVersion(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ version: string }>(
    `SELECT current_setting('server_version_num') AS version`,
  );
  return Math.floor(Number(rows[0]?.version) / 10_000);
}
