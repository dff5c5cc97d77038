import type { Database } from './database.ts';

export const USERS = 20_000;
export const WAITING = 3_000;
const MONTHS = 12;
const JOBS_PER_FILE = 1_000;
const PART_ROWS = 1_000_000;

/** An id of the form UUIDv7 for a time. `salt` makes it unique within its millisecond. */
export const idAt = (time: string, salt: string) =>
  `(lpad(to_hex(floor(extract(epoch FROM ${time}) * 1000)::bigint), 12, '0') || '7' || substr(md5(${salt}::text), 1, 3)
    || '8' || substr(md5(${salt}::text), 4, 15))::uuid`;

/** The smallest id of a time. */
export const firstIdAt = (time: string) =>
  `rpad(lpad(to_hex(floor(extract(epoch FROM ${time}) * 1000)::bigint), 12, '0'), 32, '0')::uuid`;

export const userId = (n: string) => `md5('user' || (${n})::text)::uuid`;

/** The start of a month. 0 is the oldest one with rows. */
export const monthStart = (month: number) =>
  `(date_trunc('month', now()) + make_interval(months => ${month - MONTHS + 1}))`;

/** Fills `jobs`, and `jobs_by_month` with the same rows. Foreign keys are not checked while they are filled. */
export async function createTables(db: Database, rows: number): Promise<void> {
  const indexes = await db.column(
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexname <> 'jobs_pkey'`,
  );
  const names = indexes.map((index) => / INDEX (\w+) ON /.exec(index)![1]);
  await db.run(`DROP INDEX ${names.join(', ')}`);
  await createPartitionedTables(db);
  await db.run(`SET session_replication_role = replica`);
  await db.run(`INSERT INTO users (id, email, display_name) SELECT ${userId('n')}, n || '@example.com', 'User ' || n
    FROM generate_series(0, ${USERS - 1}) AS n`);
  await fill(db, rows);
  for (const table of ['', '_by_month'])
    await db.run(`INSERT INTO job_files${table} (id, job_id, name, media_type)
      SELECT gen_random_uuid(), id, 'input.csv', 'text/csv' FROM (
        SELECT id, row_number() OVER () AS n FROM jobs) AS numbered WHERE n % ${JOBS_PER_FILE} = 0`);
  await db.run(`RESET session_replication_role`);
  for (const index of indexes) {
    await db.run(index);
    await db.run(onPartitions(index));
  }
  for (const table of ['users', 'jobs', 'jobs_by_month', 'job_files', 'job_files_by_month'])
    await db.run(`VACUUM (FREEZE, ANALYZE) ${table}`);
}

/** Partitions by id, so that the primary key and the foreign key of `job_files` remain possible. */
async function createPartitionedTables(db: Database): Promise<void> {
  await db.run(
    `CREATE TABLE jobs_by_month (LIKE jobs INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)`,
  );
  await db.run(`ALTER TABLE jobs_by_month ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE`);
  for (let month = 0; month < MONTHS; month += 1) {
    const [from, to] = [monthStart(month), monthStart(month + 1)];
    await db.run(`CREATE TABLE jobs_month_${month} PARTITION OF jobs_by_month
      FOR VALUES FROM (${firstIdAt(from)}) TO (${firstIdAt(to)})`);
  }
  await db.run(`CREATE TABLE jobs_default PARTITION OF jobs_by_month DEFAULT`);
  await db.run(`CREATE TABLE job_files_by_month (LIKE job_files INCLUDING ALL)`);
  await db.run(`ALTER TABLE job_files_by_month
    ADD FOREIGN KEY (job_id) REFERENCES jobs_by_month (id) ON DELETE CASCADE`);
}

/** Not unique: a unique index must contain the id, so it would accept a second job with the same key. */
function onPartitions(index: string): string {
  return index
    .replace('CREATE UNIQUE', 'CREATE')
    .replace(/ INDEX \w+ ON public\.jobs /, ' INDEX ON public.jobs_by_month ');
}

async function fill(db: Database, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += PART_ROWS) {
    const to = Math.min(rows, from + PART_ROWS - 1);
    await db.run(`INSERT INTO jobs (id, type, status, user_id, input, correlation_id, unique_key, attempts, error_code,
        available_at, dispatched_at, created_at, started_at, finished_at)
      SELECT ${idAt('at', 'n')}, 'type-' || n % 5, status, CASE WHEN n % 2 = 0 THEN ${userId(`n / 2 % ${USERS}`)} END,
        jsonb_build_object('reportId', md5(n::text), 'format', 'csv', 'rows', n), md5((-n)::text)::uuid::text,
        CASE WHEN n % 50 = 0 THEN 'key-' || n END, 1, CASE status WHEN 'failed' THEN 'INTERNAL' END,
        at, CASE WHEN status <> 'queued' THEN at WHEN n % 30 > 0 THEN now() + interval '1 hour' END, at,
        CASE WHEN status <> 'queued' THEN at END, CASE WHEN status <> 'queued' THEN at + interval '2 seconds' END
      FROM generate_series(${from}, ${to}) AS n,
        LATERAL (SELECT date_trunc('milliseconds', ${monthStart(0)} + (now() - ${monthStart(0)}) * (n / ${rows}.0)) AS at,
          CASE WHEN n > ${rows - WAITING} THEN 'queued' WHEN n % 25 = 0 THEN 'failed' ELSE 'completed' END AS status) AS made`);
  }
  for (let month = 0; month < MONTHS; month += 1)
    await db.run(`INSERT INTO jobs_by_month SELECT * FROM jobs
      WHERE id >= ${firstIdAt(monthStart(month))} AND id < ${firstIdAt(monthStart(month + 1))}`);
}
