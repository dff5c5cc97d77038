/** Fills a database with the rows of an application that is used for a month. */
import pg from 'pg';

/** Rows per user in each of the tables below. */
export const ROWS_PER_USER = 5;
/** This user owns 2 % of all rows, so that the lists of one user are long too. */
export const BUSY_USER = 64;
/** The oldest 1 % of the rows is older than the 30 days for which they are kept. */
const DAYS = 30.3;

const AVAILABLE_AT = `CASE WHEN n % 100 = 1 THEN now() + interval '1 day' ELSE at END`;

/** Columns and values. `n` is the number of the row, `owner` the id of its user, `at` its time. */
const tables: Record<string, [columns: string, values: string]> = {
  sessions: [
    'id, user_id, salt, created_at, last_used_at, expires_at, revoked_at',
    `id, owner, '\\x00', at, at, at + interval '29 days', CASE WHEN n % 5 <> 1 THEN at END`,
  ],
  // Each fifth job belongs to a user. 1 % waits for a retry, 0.8 % have failed.
  jobs: [
    `id, type, status, user_id, input, correlation_id, created_at, started_at, finished_at, available_at, dispatched_at`,
    `id, CASE WHEN n % 5 = 0 THEN 'user-export' ELSE 'mail-send' END,
     CASE WHEN n % 100 = 1 THEN 'queued' WHEN n % 250 IN (0, 5) THEN 'failed' ELSE 'completed' END,
     CASE WHEN n % 5 = 0 THEN owner END, '{}', 'bench', at, at,
     CASE WHEN n % 100 <> 1 THEN at + interval '1 second' END,
     ${AVAILABLE_AT}, ${AVAILABLE_AT}`,
  ],
  audit_events: [
    'id, type, user_id, created_at',
    `id, CASE WHEN n % 250 IN (0, 5) THEN 'sign-in-failed' ELSE 'sign-in' END, owner, at`,
  ],
  // feature:notifications begin
  notifications: [
    'id, user_id, type, data, created_at, read_at',
    `id, owner, 'job-completed', jsonb_build_object('jobId', id, 'jobType', 'user-export'), at,
     CASE WHEN n % 5 <> 1 AND n % 250 <> 0 THEN at + interval '1 hour' END`,
  ],
  // feature:notifications end
};

/** Like a UUID of version 7 (RFC 9562, section 5.7): ids are in the order of time. */
const ID = `(lpad(to_hex(1760000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid`;

/** Adds users up to the number `users`, and the other rows. The users of the benchmark already exist. */
export async function fill(databaseUrl: string, users: number): Promise<void> {
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  try {
    // Turns triggers off, so foreign keys are not checked.
    for (const setting of ['session_replication_role = replica', 'statement_timeout = 0', 'jit = off'])
      await db.query(`SET ${setting}`);
    await db.query(`SET maintenance_work_mem = '512MB'`);
    const indexes = await dropIndexes(db);
    await addUsers(db, users);
    for (const [table, [columns, values]] of Object.entries(tables))
      await addRows(db, { table, columns, values, users });
    for (const definition of indexes) await db.query(definition);
    await db.query('VACUUM ANALYZE');
  } finally {
    await db.end();
  }
}

/** Building an index is faster than filling it row by row. Returns the statements that create the indexes again. */
async function dropIndexes(db: pg.Client): Promise<string[]> {
  const { rows } = await db.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE tablename = ANY($1) AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
    [['users', ...Object.keys(tables)]],
  );
  for (const { name } of rows) await db.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}

/** Adds users with the same password as the existing users. */
async function addUsers(db: pg.Client, users: number): Promise<void> {
  await db.query(
    `INSERT INTO users (id, email, password_hash, display_name, email_verified_at, created_at)
     SELECT gen_random_uuid(), 'user-' || n || '@example.com', password_hash, 'User ' || n, now(),
       now() - make_interval(mins => n)
     FROM generate_series((SELECT count(*)::int FROM users), $1::int - 1) AS n,
       (SELECT password_hash FROM users LIMIT 1) AS other`,
    [users],
  );
  await db.query(
    `CREATE TEMP TABLE owners AS
     SELECT id, (row_number() OVER (ORDER BY created_at DESC, id) - 1)::int AS n FROM users`,
  );
  await db.query('ANALYZE owners');
}

async function addRows(
  db: pg.Client,
  { table, columns, values, users }: { table: string; columns: string; values: string; users: number },
): Promise<void> {
  const rows = users * ROWS_PER_USER;
  await db.query(
    `INSERT INTO ${table} (${columns})
     SELECT ${values} FROM (
       SELECT rows.n, owners.id AS owner, ${ID.replaceAll(/\bn\b/g, 'rows.n')} AS id,
         now() - make_interval(secs => (${rows} - rows.n) * ${(DAYS * 86_400) / rows}) AS at
       FROM generate_series(1, ${rows}) AS rows (n)
       JOIN owners ON owners.n = CASE WHEN rows.n % 50 = 0 THEN ${BUSY_USER} ELSE rows.n * 7919::bigint % ${users} END
       ORDER BY rows.n
     ) AS numbered`,
  );
}
