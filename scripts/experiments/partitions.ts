/**
 * Compares `jobs` as one table and as partitions by month. Then runs the SQL of docs/guides/scale.md, section 7. Prints
 * Markdown tables for docs/decisions/0075-no-partitions.md. Run it with
 * `node scripts/experiments/partitions.ts [--rows 10000000]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from '../embedded-postgres.ts';
import { bytes, Database } from './partitions/database.ts';
import { runGuide } from './partitions/guide.ts';
import { compareOperations } from './partitions/operations.ts';
import { compareRemovals } from './partitions/removal.ts';
import { createTables } from './partitions/tables.ts';

const { values } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } });
const rows = Number(values.rows);
/** Audit events per job in this experiment. */
const AUDIT_SHARE = 0.2;

const settings = {
  shared_buffers: '2GB',
  maintenance_work_mem: '1GB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  // The measured VACUUM is the only one.
  autovacuum: 'off',
};

const dir = mkdtempSync(join(tmpdir(), 'experiment-'));
const server = await startEmbeddedPostgres({ dir, settings });
const db = new Database(server.url);
try {
  await db.open();
  await db.migrate();
  const start = performance.now();
  await createTables(db, rows);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`PostgreSQL ${await db.value('SHOW server_version')}, ${rows} rows, filled in ${minutes} min`);
  console.log(`Sizes: ${bytes(await db.size('jobs'))}, ${bytes(await db.size('jobs_by_month'))}\n`);
  await compareOperations(db);
  await compareRemovals(db);
  await runGuide(db, rows * AUDIT_SHARE);
} finally {
  await db.close();
  await server.stop();
  await removeEmbeddedPostgres(dir);
  rmSync(dir, { recursive: true, force: true });
}
