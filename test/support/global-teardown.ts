import { Redis } from 'ioredis';
import type pg from 'pg';
import { onServer } from './database.ts';
import { countResults, removeRun, runDir } from './test-run.ts';

export default async function globalTeardown(): Promise<void> {
  const leftBehind = [...(await databasesLeftBehind()), ...(await redisKeysLeftBehind())];
  await removeRun(runDir);
  if (leftBehind.length === 0) return;
  countResults({ passed: 0, failed: leftBehind.length, skipped: 0 });
  throw new Error(
    `The tests left behind: ${leftBehind.join(', ')}. In afterAll, stop what beforeAll has started.`,
  );
}

async function databasesLeftBehind(): Promise<string[]> {
  const template = process.env.TEST_DATABASE_TEMPLATE;
  let names: string[] = [];
  await onServer(async (client) => {
    names = await databasesOfThisRun(client);
    for (const name of names) await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
  });
  return names.filter((name) => name !== template).map((name) => `the database ${name}`);
}

async function databasesOfThisRun(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [process.env.TEST_DATABASE_PREFIX],
  );
  return rows.map((row) => row.datname);
}

/** Only on our own server: a shared one may contain other keys. */
async function redisKeysLeftBehind(): Promise<string[]> {
  const url = process.env.TEST_REDIS_URL;
  if (!url || process.env.REDIS_URL) return [];
  const redis = new Redis(url);
  try {
    const keyspace = await redis.info('keyspace');
    return [...keyspace.matchAll(/^(db\d+):(keys=\d+)/gm)].map(([, db, keys]) => `Redis ${db} (${keys})`);
  } finally {
    redis.disconnect();
  }
}
