import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type Database, duration, median } from './database.ts';
import { idAt, USERS, userId } from './tables.ts';

const GUIDE = new URL('../../../docs/guides/scale.md', import.meta.url);
/** The first partition of the guide ends here. */
const END = `timestamptz '2027-01-01'`;
const RUNS = 300;

const LISTS: Record<string, string> = {
  'first page of all events': `SELECT * FROM audit_events ORDER BY created_at DESC, id DESC LIMIT 21`,
  'first page of the events of a user': `SELECT * FROM audit_events WHERE user_id = ${userId('7')}
    ORDER BY created_at DESC, id DESC LIMIT 21`,
  'insert of one event, with its commit': insertOf(`${END} + random() * interval '50 days'`, 'random()', 1),
};

/** Runs each SQL block of the guide, on `audit_events` with a year of rows. */
export async function runGuide(db: Database, rows: number): Promise<void> {
  await db.run(insertOf(`${END} - interval '1 year' * (n / ${rows + 1}.0)`, 'n', rows));
  await db.run('VACUUM (FREEZE, ANALYZE) audit_events');
  const before = await medians(db, {
    ...LISTS,
    'insert of one event, with its commit': insertOf(`${END} - random() * interval '50 days'`, 'random()', 1),
  });
  const [watch, check, validate, convert, next, drop, ...others] = sqlBlocks();
  assert.equal(others.length, 0);
  await show(db, 'measurement', watch!);
  await show(db, 'CHECK, not validated', check!);
  await show(db, 'VALIDATE', validate!);
  const count = await db.value('SELECT count(*) FROM audit_events');
  await show(db, 'conversion', convert!);
  await show(db, 'next partitions', next!);
  assert.equal(await db.value('SELECT count(*) FROM audit_events'), count);
  await assertAppendOnly(db);
  const after = await medians(db, LISTS);
  console.log('\n| operation on audit_events | one table | after the conversion |\n| --- | --- | --- |');
  for (const name of Object.keys(LISTS)) console.log(`| ${name} | ${before[name]} | ${after[name]} |`);
  assert.equal(await db.value('SELECT count(*) FROM audit_events_default'), '0');
  await show(db, 'DROP of the oldest partition', drop!);
  assert.ok(Number(await db.value('SELECT count(*) FROM audit_events')) > 0);
}

function sqlBlocks(): string[] {
  const section = readFileSync(GUIDE, 'utf8')
    .split(/^## /m)
    .find((text) => text.startsWith('7.'))!;
  return [...section.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, sql]) => sql!);
}

async function show(db: Database, name: string, sql: string): Promise<void> {
  console.error(`Guide, ${name}: ${duration(await db.time(sql))}`);
}

async function assertAppendOnly(db: Database): Promise<void> {
  const partitions = await db.column(`SELECT relid::regclass FROM pg_partition_tree('audit_events')`);
  for (const table of partitions) {
    await assert.rejects(db.run(`DELETE FROM ${table}`), /append-only/);
    await assert.rejects(db.run(`TRUNCATE ${table}`), /append-only/);
  }
  const indexes = await db.column(
    `SELECT count(*) FROM pg_indexes WHERE tablename = ANY('{${partitions.join(',')}}') GROUP BY tablename`,
  );
  assert.ok(
    indexes.every((number) => number === '5'),
    'each partition has the five indexes once',
  );
  console.error(`Append-only: ${partitions.join(', ')}`);
}

async function medians(db: Database, statements: Record<string, string>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, text] of Object.entries(statements)) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run += 1) times.push(await db.time(text));
    found[name] = duration(median(times));
  }
  return found;
}

function insertOf(time: string, salt: string, rows: number): string {
  return `INSERT INTO audit_events (id, type, user_id, data, ip_address, correlation_id, created_at)
    SELECT ${idAt('at', salt)}, 'type-' || n % 20, ${userId(`n % ${USERS}`)}, '{"method": "password"}', '192.0.2.1',
      md5(n::text)::uuid::text, at FROM (SELECT n, ${time} AS at FROM generate_series(1, ${rows}) AS n OFFSET 0) AS made`;
}
