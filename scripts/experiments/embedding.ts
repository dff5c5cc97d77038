/**
 * Compares rows embedded in a JSONB column with rows in another table. Prints a Markdown table for
 * docs/decisions/0044-embedding-or-referencing.md. Run it with `node scripts/experiments/embedding.ts`.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../embedded-postgres.ts';

const DELIVERIES = 10_000;
const ATTEMPTS = 8;
const RESPONSE_BYTES = 1_000;
const REPETITIONS = 300;

/** An attempt as a document. `md5` doesn't compress well, like a real response. */
const attemptOf = (salt: string) => `jsonb_build_object('code', 500, 'durationMs', 12, 'createdAt', now(),
  'response', (SELECT string_agg(md5(random()::text || k::text || (${salt})::text), '') FROM generate_series(1, ${RESPONSE_BYTES / 32}) AS k))`;

const SETUP = `
  CREATE TABLE embedded (id int PRIMARY KEY, status text NOT NULL, attempts jsonb NOT NULL DEFAULT '[]');
  CREATE TABLE referenced (id int PRIMARY KEY, status text NOT NULL);
  CREATE TABLE attempts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id int NOT NULL REFERENCES referenced ON DELETE CASCADE,
    code int NOT NULL, duration_ms int NOT NULL, response text NOT NULL, created_at timestamptz NOT NULL);
  INSERT INTO referenced SELECT id, 'failed' FROM generate_series(1, ${DELIVERIES}) AS id;
  INSERT INTO attempts (delivery_id, code, duration_ms, response, created_at)
    SELECT d.id, (a->>'code')::int, (a->>'durationMs')::int, a->>'response', (a->>'createdAt')::timestamptz
    FROM referenced d, generate_series(1, ${ATTEMPTS}) AS n, LATERAL (SELECT n, ${attemptOf('d.id * 100 + n')} AS a OFFSET 0) AS made;
  INSERT INTO embedded SELECT delivery_id, 'failed', jsonb_agg(jsonb_build_object(
      'code', code, 'durationMs', duration_ms, 'response', response, 'createdAt', created_at))
    FROM attempts GROUP BY delivery_id;
  CREATE INDEX ON attempts (delivery_id, created_at, id);
  CREATE TABLE notifications (id int PRIMARY KEY, data jsonb NOT NULL);
  CREATE TABLE notification_values (notification_id int, key text, value text, PRIMARY KEY (notification_id, key));
  INSERT INTO notifications SELECT id, '{"jobId": "01890a5d-ac96-774b-bcce-b302099a8057", "jobType": "user-export"}'
    FROM generate_series(1, ${DELIVERIES}) AS id;
  INSERT INTO notification_values SELECT id, key, value FROM notifications, jsonb_each_text(data);`;

/** Name, statement on the embedded form, statement on the referenced form. `$1` is an id. */
const OPERATIONS: [string, string, string][] = [
  [
    'add an attempt',
    `UPDATE embedded d SET attempts = attempts || ${attemptOf('d.id')} WHERE id = $1`,
    `INSERT INTO attempts (delivery_id, code, duration_ms, response, created_at)
     SELECT d.id, 500, 12, (${attemptOf('d.id')})->>'response', now() FROM (SELECT $1::int AS id) AS d`,
  ],
  [
    'change the status',
    `UPDATE embedded SET status = 'delivered' WHERE id = $1`,
    `UPDATE referenced SET status = 'delivered' WHERE id = $1`,
  ],
  [
    'read a delivery with its attempts',
    `SELECT * FROM embedded WHERE id = $1`,
    `SELECT * FROM attempts WHERE delivery_id = $1 ORDER BY created_at, id`,
  ],
  [
    'read its newest 2 attempts',
    `SELECT a FROM embedded, jsonb_array_elements(attempts) WITH ORDINALITY AS e (a, n)
     WHERE id = $1 ORDER BY n DESC LIMIT 2`,
    `SELECT * FROM attempts WHERE delivery_id = $1 ORDER BY created_at DESC, id DESC LIMIT 2`,
  ],
  [
    'read a notification with its data',
    `SELECT * FROM notifications WHERE id = $1`,
    `SELECT notification_id, jsonb_object_agg(key, value) FROM notification_values WHERE notification_id = $1 GROUP BY 1`,
  ],
  [
    'add a notification with its data',
    `INSERT INTO notifications SELECT $1::int + ${DELIVERIES}, data FROM notifications WHERE id = 1`,
    `INSERT INTO notification_values SELECT $1::int + ${DELIVERIES}, key, value FROM notification_values WHERE notification_id = 1`,
  ],
];

const dir = mkdtempSync(join(tmpdir(), 'experiment-'));
const server = await startEmbeddedPostgres({ dir });
const client = new pg.Client({ connectionString: server.url });
try {
  await client.connect();
  await client.query(SETUP);
  await client.query('VACUUM ANALYZE');
  console.log(`${await single('SHOW server_version')}\n`);
  console.log(
    '| operation | embedded: median | WAL | referenced: median | WAL |\n| --- | --- | --- | --- | --- |',
  );
  for (const [name, ...forms] of OPERATIONS) {
    const cells = [];
    for (const form of forms) cells.push(await measure(form));
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  const sizes = await single(`SELECT pg_size_pretty(pg_total_relation_size('embedded')) || ' / '
    || pg_size_pretty(pg_total_relation_size('referenced') + pg_total_relation_size('attempts'))`);
  console.log(`\nSize after the run, embedded / referenced: ${sizes}`);
} finally {
  await client.end();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function single(text: string): Promise<string> {
  const { rows } = await client.query({ text, rowMode: 'array' });
  return String((rows as unknown[][])[0]![0]);
}

/** The median time, and the bytes of WAL per statement. */
async function measure(text: string): Promise<string> {
  const before = await single('SELECT pg_current_wal_insert_lsn()');
  const times: number[] = [];
  for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
    const start = performance.now();
    await client.query({
      name: createHash('md5').update(text).digest('hex'),
      text,
      values: [repetition * 7],
    });
    times.push(performance.now() - start);
  }
  const wal = Number(await single(`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '${before}')`));
  const median = times.toSorted((a, b) => a - b)[REPETITIONS / 2]!;
  return `${median.toFixed(2)} ms | ${wal < REPETITIONS * 20 ? '–' : `${(wal / REPETITIONS / 1_000).toFixed(1)} kB`}`;
}
