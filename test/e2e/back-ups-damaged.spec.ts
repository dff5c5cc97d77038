import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { restoreRows } from '../../scripts/back-ups/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newDataDir } from '../support/test-run.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

it('a restore reports a damaged file that it has read before the server responds', async () => {
  const file = join(newDataDir(), 'damaged');
  writeFileSync(file, gzipSync('SELECT 1;\n').subarray(0, -4));
  // The statements of the restore wait until this one ends.
  const slow = client.query('SELECT pg_sleep(0.5)');

  await expect(restoreRows(client, file)).rejects.toThrow('is damaged or incomplete');
  await slow;
});

it('a restore reports a file that it cannot read', async () => {
  const slow = client.query('SELECT pg_sleep(0.5)');

  await expect(restoreRows(client, join(newDataDir(), 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  await slow;
});
