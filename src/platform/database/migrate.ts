import pg from 'pg';
import { runMigrations as runQueueMigrations } from 'bullmq';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.ts';
import { QUEUE_SCHEMA } from '../queue/queue-connections.ts';
import { dataSourceOptions } from './data-source.ts';

/** Any number, the same for everyone who migrates this database. */
const ADVISORY_LOCK = 7_236_411_905;
const WAIT_FOR_OTHERS_MS = 240_000;

/**
 * Brings the schema up to date. Of several that run at once one applies and the others wait for it; all return once
 * the database is current. Resolves to the names of what was applied here.
 */
export async function migrate(config: Config): Promise<string[]> {
  // A connection past any pooler: an advisory lock belongs to the session.
  const lock = new pg.Client({
    connectionString: config.DATABASE_DIRECT_URL,
    statement_timeout: WAIT_FOR_OTHERS_MS,
  });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    const applied = await applyMigrations(config);
    if (!config.REDIS_URL) await runQueueMigrations(lock, QUEUE_SCHEMA);
    return applied;
  } finally {
    await lock.end();
  }
}

async function applyMigrations(config: Config): Promise<string[]> {
  const db = await new DataSource(dataSourceOptions(config, 'migrate')).initialize();
  try {
    return (await db.runMigrations({ transaction: 'each' })).map((migration) => migration.name);
  } finally {
    await db.destroy();
  }
}
