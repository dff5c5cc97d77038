import { expect, it } from '@jest/globals';
import pg from 'pg';
import { startTestPostgres } from '../support/database.ts';

it('runs on PostgreSQL 16, also where a test starts a separate server', async () => {
  const separate = await startTestPostgres();
  const versions: string[] = [];
  for (const url of [process.env.TEST_DATABASE_SERVER_URL, separate.url]) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    versions.push(String(rows[0]?.server_version));
    await client.end();
  }
  await separate.stop();

  expect(versions).toEqual([expect.stringMatching(/^16\./), expect.stringMatching(/^16\./)]);
});
