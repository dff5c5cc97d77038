import { type Database, duration, median } from './database.ts';
import { idAt, USERS, userId, WAITING } from './tables.ts';

const ROUNDS = 20;
const CLAIMED = 10;
const CLAIMED_FROM = Math.floor(WAITING / 2);
const INSERTED = 1_000;

interface Operation {
  name: string;
  /** `jobs` is a placeholder for the name of the table. */
  text: string;
  values: (samples: Samples, run: number) => unknown[];
  perRound: number;
  isRolledBack?: boolean;
}

interface Runnable extends Omit<Operation, 'values'> {
  values: (run: number) => unknown[];
}

interface Samples {
  ids: string[];
  waiting: string[];
  users: string[];
}

const idOf = ({ ids }: Samples, run: number) => ids[run % ids.length]!;
const userOf = ({ users }: Samples, run: number) => users[(run * 7) % users.length]!;

function claimedOf({ waiting }: Samples, run: number): string[] {
  const from = CLAIMED_FROM + ((run * CLAIMED) % CLAIMED_FROM);
  return waiting.slice(from, from + CLAIMED);
}

const INSERT = `INSERT INTO jobs (id, type, user_id, input, correlation_id)
  SELECT ${idAt('clock_timestamp()', 'random()')}, 'type-' || n % 5, CASE WHEN n % 2 = 0 THEN $1::uuid END,
    '{"reportId": "monthly", "format": "csv"}', gen_random_uuid()::text FROM generate_series(1, $2::int) AS n`;

const CLAIM = `WITH claim AS (
    SELECT jobs.id, claim.lease FROM jobs
      JOIN (SELECT id, gen_random_uuid() AS lease FROM unnest($1::uuid[]) AS id) AS claim USING (id)
    ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
  )
  UPDATE jobs SET attempts = attempts + 1, status = 'active', slot = NULL, lease = claim.lease, heartbeat_at = now(),
    started_at = coalesce(started_at, now())
  FROM claim WHERE jobs.id = claim.id AND status = 'queued'
    AND NOT EXISTS (SELECT FROM paused_queues WHERE paused_queues.type = jobs.type)
  RETURNING jobs.*`;

const TYPES = `ARRAY['type-0', 'type-1', 'type-2', 'type-3', 'type-4']`;

const SWEEP = `WITH undispatched AS (
    SELECT id FROM jobs WHERE status = 'queued' AND dispatched_at IS NULL AND type = ANY(${TYPES})
      AND available_at < now() + interval '60 s' AND created_at < now() - interval '2 s'
    ORDER BY available_at LIMIT 5000 FOR UPDATE SKIP LOCKED
  ), lost AS (
    SELECT id FROM jobs WHERE status = 'queued' AND dispatched_at < now() - interval '30 s' AND type = ANY(${TYPES})
    ORDER BY dispatched_at LIMIT 5000 FOR UPDATE SKIP LOCKED
  ), stalled AS (
    SELECT id FROM jobs WHERE status = 'active' AND heartbeat_at < now() - interval '15 s' AND type = ANY(${TYPES})
      AND (dispatched_at IS NULL OR dispatched_at < greatest(heartbeat_at, now() - interval '30 s'))
    LIMIT 5000 FOR UPDATE SKIP LOCKED
  )
  UPDATE jobs SET dispatched_at = greatest(now(), available_at)
  WHERE id IN (SELECT id FROM undispatched UNION ALL SELECT id FROM lost UNION ALL SELECT id FROM stalled)
  RETURNING id, type, priority, available_at`;

/** The statements of `src/jobs`, with fewer columns. */
const OPERATIONS: Operation[] = [
  {
    name: 'a job by its id',
    text: `SELECT * FROM jobs WHERE id = $1`,
    values: (samples, run) => [idOf(samples, run)],
    perRound: 20,
  },
  {
    name: 'first page of the jobs of a user',
    text: `SELECT *, created_at::text AS sort_value FROM jobs WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 21`,
    values: (samples, run) => [userOf(samples, run)],
    perRound: 20,
  },
  {
    name: 'a later page of them',
    text: `SELECT *, created_at::text AS sort_value FROM jobs WHERE user_id = $1
        AND (created_at, id) < (now() - interval '100 days', $2) ORDER BY created_at DESC, id DESC LIMIT 21`,
    values: (samples, run) => [userOf(samples, run), idOf(samples, run)],
    perRound: 20,
  },
  {
    name: 'first page of all jobs',
    text: `SELECT *, created_at::text AS sort_value FROM jobs ORDER BY created_at DESC, id DESC LIMIT 21`,
    values: () => [],
    perRound: 20,
  },
  {
    name: 'number of unfinished jobs of a user',
    text: `SELECT count(*) FROM jobs WHERE user_id = $1 AND status IN ('queued', 'active')`,
    values: (samples, run) => [userOf(samples, run)],
    perRound: 20,
  },
  {
    name: 'look-up of a unique key',
    text: `SELECT * FROM jobs WHERE type = 'type-0' AND unique_key = $1
        AND (status IN ('queued', 'active') OR unique_until IS NOT NULL)`,
    values: (_, run) => [`key-${(run + 1) * 50}`],
    perRound: 20,
  },
  {
    name: `claim of ${CLAIMED} jobs`,
    text: CLAIM,
    values: (samples, run) => [claimedOf(samples, run)],
    perRound: 10,
    isRolledBack: true,
  },
  { name: 'sweep that finds 100 jobs', text: SWEEP, values: () => [], perRound: 5, isRolledBack: true },
  {
    name: 'insert of one job, with its commit',
    text: INSERT,
    values: (samples, run) => [userOf(samples, run), 1],
    perRound: 20,
  },
  {
    name: `insert of ${INSERTED} jobs, with their commit`,
    text: INSERT,
    values: (samples, run) => [userOf(samples, run), INSERTED],
    perRound: 3,
  },
];

/** Prints a row per operation. The order of the tables changes with each round, so that other load hits both. */
export async function compareOperations(db: Database): Promise<void> {
  const samples = await takeSamples(db);
  console.log('| operation | one table | by month | ratio | locks |\n| --- | --- | --- | --- | --- |');
  for (const { values, ...fields } of OPERATIONS) {
    const operation = { ...fields, values: (run: number) => values(samples, run) };
    const times: Record<string, number[]> = { jobs: [], jobs_by_month: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const tables = round % 2 ? ['jobs_by_month', 'jobs'] : ['jobs', 'jobs_by_month'];
      for (const table of tables) times[table]!.push(...(await runRound(db, operation, table, round)));
    }
    const [one, byMonth] = [median(times['jobs']!), median(times['jobs_by_month']!)];
    const locks = [await countLocks(db, operation, 'jobs'), await countLocks(db, operation, 'jobs_by_month')];
    const ratio = (byMonth / one).toFixed(2);
    console.log(
      `| ${operation.name} | ${duration(one)} | ${duration(byMonth)} | ${ratio} | ${locks.join(' / ')} |`,
    );
  }
}

async function countLocks(db: Database, { text, values }: Runnable, table: string): Promise<string> {
  await db.run('BEGIN');
  await db.run(textFor(table, text), values(0));
  const locks = await db.value(`SELECT count(*) FROM pg_locks
    WHERE pid = pg_backend_pid() AND relation <> 'pg_locks'::regclass`);
  await db.run('ROLLBACK');
  return locks;
}

const textFor = (table: string, text: string) => text.replaceAll(/\bjobs\b/g, table);

async function runRound(db: Database, operation: Runnable, table: string, round: number): Promise<number[]> {
  const text = textFor(table, operation.text);
  const times: number[] = [];
  for (let run = 0; run < operation.perRound; run += 1) {
    if (operation.isRolledBack) await db.run('BEGIN');
    times.push(await db.time(text, operation.values(round * operation.perRound + run)));
    if (operation.isRolledBack) await db.run('ROLLBACK');
  }
  // The first run of a round reads blocks that the other table has pushed out of the caches.
  return times.slice(1);
}

async function takeSamples(db: Database): Promise<Samples> {
  return {
    ids: await db.column(`SELECT id FROM jobs TABLESAMPLE SYSTEM (0.01) LIMIT 500`),
    waiting: await db.column(
      `SELECT id FROM jobs WHERE status = 'queued' ORDER BY dispatched_at NULLS FIRST, id`,
    ),
    users: await db.column(`SELECT ${userId('n')} FROM generate_series(0, ${USERS - 1}, 40) AS n`),
  };
}
