import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../scripts/embedded-postgres.ts';
import { newPostgresDir } from './test-run.ts';

const OBJECT_IN_USE = '55006';

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/**
 * A migrated, empty database for this test file only. `template0` creates one without tables. A database not
 * dropped at the end fails the run.
 */
export async function createTestDatabase(
  template = required('TEST_DATABASE_TEMPLATE'),
): Promise<TestDatabase> {
  const name = `${required('TEST_DATABASE_PREFIX')}${process.env.JEST_WORKER_ID ?? 0}_${randomBytes(4).toString('hex')}`;
  await clone(template, name);
  return {
    url: databaseUrl(name),
    drop: () => onServer((client) => client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)),
  };
}

/** A separate PostgreSQL server that a test can kill and restart. The same `dir` restores its data. */
export function startTestPostgres(
  dir = newPostgresDir(),
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  const from = process.env.TEST_TOPOLOGY === 'postgres-16' ? 'embedded-postgres-16' : 'embedded-postgres';
  return startEmbeddedPostgres({ dir, settings, package: from });
}

export function databaseUrl(name: string): string {
  const url = new URL(required('TEST_DATABASE_SERVER_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

export async function onServer(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: required('TEST_DATABASE_SERVER_URL') });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function clone(template: string, name: string): Promise<void> {
  await onServer(async (client) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
      } catch (error) {
        // A session that has just disconnected from the template may still be closing.
        if ((error as pg.DatabaseError).code !== OBJECT_IN_USE || attempt === 50) throw error;
        await sleep(100);
      }
    }
  });
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set. Run the tests with bin/test.`);
  return value;
}
