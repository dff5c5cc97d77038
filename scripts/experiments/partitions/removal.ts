import { bytes, type Database, duration, median } from './database.ts';
import { firstIdAt, monthStart } from './tables.ts';

/** As in `src/platform/retention/purge.service.ts`. */
const BATCH_ROWS = 5_000;

const oldestMonth = { end: monthStart(1), firstIdAfter: firstIdAt(monthStart(1)) };

/** Prints how the oldest month is removed from both tables. */
export async function compareRemovals(db: Database): Promise<void> {
  console.log(
    '\n| removal of the oldest month | time | WAL | size before | size after |\n| --- | --- | --- | --- | --- |',
  );
  await db.run('VACUUM ANALYZE jobs, jobs_by_month');
  await purge(db);
  await dropPartition(db);
}

async function purge(db: Database): Promise<void> {
  const batches: number[] = [];
  let removed = 0;
  const sizeBefore = await db.size('jobs');
  const deleted = await db.measure(async () => {
    for (let rows = BATCH_ROWS; rows === BATCH_ROWS; removed += rows) {
      const start = performance.now();
      rows = await db.run(`DELETE FROM jobs WHERE ctid IN (
        SELECT ctid FROM jobs WHERE finished_at < ${oldestMonth.end} LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED)`);
      batches.push(performance.now() - start);
    }
  });
  const sizeDeleted = await db.size('jobs');
  await db.run('SELECT pg_stat_force_next_flush()');
  const dead = await db.value(`SELECT pg_stat_get_dead_tuples('jobs'::regclass)`);
  print(`purge of ${removed} rows, batches of ${BATCH_ROWS}`, deleted, [sizeBefore, sizeDeleted]);
  const vacuumed = await db.measure(() => db.run('VACUUM (PARALLEL 0) jobs'));
  print(`VACUUM of ${dead} dead rows after it`, vacuumed, [sizeDeleted, await db.size('jobs')]);
  console.error(
    `One batch: ${duration(median(batches))}. Per second: ${Math.round(removed / (deleted.ms / 1e3))} rows.`,
  );
}

async function dropPartition(db: Database): Promise<void> {
  const detach = 'ALTER TABLE jobs_by_month DETACH PARTITION jobs_month_0';
  const drop = await db.run('DROP TABLE jobs_month_0').catch((error: Error) => error.message);
  const detached = await db.run(detach).catch((error: Error) => error.message);
  console.error(`DROP TABLE alone: ${drop}\nDETACH with files of its jobs: ${detached}`);
  const sizes = [await db.size('jobs_by_month')];
  const filesRemoved = await db.measure(() =>
    db.run(`DELETE FROM job_files_by_month WHERE job_id < ${oldestMonth.firstIdAfter}`),
  );
  const dropped = await db.measure(async () => {
    await db.run(detach);
    await db.run('DROP TABLE jobs_month_0');
  });
  sizes.push(await db.size('jobs_by_month'));
  print('by month: DELETE of its files', filesRemoved, [sizes[0]!, sizes[0]!]);
  print('by month: DETACH and DROP', dropped, sizes);
}

function print(name: string, { ms, wal }: { ms: number; wal: number }, sizes: number[]): void {
  console.log(`| ${name} | ${duration(ms)} | ${bytes(wal)} | ${sizes.map(bytes).join(' | ')} |`);
}
