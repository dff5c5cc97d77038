import type { QueryRunner } from 'typeorm';

/*
 * Steps of migrations that run while the application runs. A migration that uses them sets `transaction = false`.
 * Each step is safe to repeat, because a migration without a transaction may stop halfway.
 */

/**
 * Creates an index without blocking reads or writes. `definition` is the part of CREATE INDEX after the name, for example
 * `ON jobs (finished_at) WHERE finished_at IS NOT NULL`.
 */
export async function createIndexConcurrently(
  db: QueryRunner,
  name: string,
  definition: string,
): Promise<void> {
  await buildIndex(db, 'INDEX', name, definition);
}

/** Fails if two rows have the same values. Change the rows, and run the migration again. */
export async function createUniqueIndexConcurrently(
  db: QueryRunner,
  name: string,
  definition: string,
): Promise<void> {
  await buildIndex(db, 'UNIQUE INDEX', name, definition);
}

/** Builds the index of the constraint first, without blocking reads or writes. `columns`: `email, kind`. */
export async function addUniqueConcurrently(
  db: QueryRunner,
  table: string,
  name: string,
  columns: string,
): Promise<void> {
  const { records: existing } = await db.query(
    `SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2`,
    [table, name],
    true,
  );
  if (existing.length > 0) return;
  await createUniqueIndexConcurrently(db, name, `ON ${table} (${columns})`);
  // Repeatable, because the constraint does not exist.
  await db.query(`-- squawk-ignore prefer-robust-stmts
ALTER TABLE ${table} ADD CONSTRAINT ${name} UNIQUE USING INDEX ${name}`);
}

async function buildIndex(
  db: QueryRunner,
  kind: 'INDEX' | 'UNIQUE INDEX',
  name: string,
  definition: string,
): Promise<void> {
  // An interrupted CREATE INDEX CONCURRENTLY leaves an index that is maintained but never used.
  const { records: invalid } = await db.query(
    `SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid`,
    [name],
    true,
  );
  if (invalid.length > 0) await dropIndexConcurrently(db, name);
  await withoutLockTimeout(db, `CREATE ${kind} CONCURRENTLY IF NOT EXISTS ${name} ${definition}`);
}

export async function dropIndexConcurrently(db: QueryRunner, name: string): Promise<void> {
  await withoutLockTimeout(db, `DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
}

export interface Backfill {
  /** A table with the primary key `id`. */
  table: string;
  /** For example `stalls = 0`. */
  set: string;
  /** The rows that still have to change, for example `stalls IS NULL`. */
  where: string;
  batchRows?: number;
}

/**
 * Changes rows in batches in the order of their ids, each batch in its own transaction. Ends with the first batch that is
 * not full, so rows that the running release adds during the last batch may stay unchanged.
 */
export async function changeInBatches(
  db: QueryRunner,
  { table, set, where, batchRows = 1_000 }: Backfill,
): Promise<void> {
  let last: { id: string; rows: number } | undefined;
  do {
    const { records } = await db.query(
      `WITH batch AS (SELECT id FROM ${table} ${last ? 'WHERE id > $1' : ''} ORDER BY id LIMIT ${batchRows}),
         changed AS (UPDATE ${table} SET ${set} WHERE id IN (SELECT id FROM batch) AND (${where}))
       SELECT id, count(*) OVER ()::int AS rows FROM batch ORDER BY id DESC LIMIT 1`,
      last ? [last.id] : [],
      true,
    );
    last = records[0] as typeof last;
  } while (last?.rows === batchRows);
}

/** CONCURRENTLY waits for older transactions but blocks neither reads nor writes, so it may wait for a long time. */
async function withoutLockTimeout(db: QueryRunner, statement: string): Promise<void> {
  const { records } = await db.query(`SELECT current_setting('lock_timeout') AS value`, [], true);
  await db.query(`SET lock_timeout = 0`);
  try {
    await db.query(statement);
  } finally {
    await db.query(`SELECT set_config('lock_timeout', $1, false)`, [records[0]?.value ?? '0']);
  }
}
