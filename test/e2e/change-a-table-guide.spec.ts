import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { changeInBatches } from '../../src/platform/database/migration-steps.ts';
import { TestApp } from '../support/app.ts';
import { blocksNotIn, codeBlocks, readGuide } from '../support/guide.ts';

const GUIDE = 'change-a-table.md';
const [withDefault = '', addColumn = '', addCheck = '', require = ''] = codeBlocks(readGuide(GUIDE), 'sql');

let app: TestApp;
let db: QueryRunner;

beforeAll(async () => {
  app = await TestApp.start();
  db = app.db.createQueryRunner();
  await db.query('CREATE TABLE bookmarks (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), url text NOT NULL)');
});

afterAll(async () => {
  await db.release();
  await app.stop();
});

/** Inserts rows like a release that does not know the new columns. */
const insertAsBefore = (count: number) =>
  db.query(
    `INSERT INTO bookmarks (url) SELECT 'https://example.com/' || n FROM generate_series(1, $1::int) n`,
    [count],
  );

async function backfill(): Promise<void> {
  await changeInBatches(db, {
    table: 'bookmarks',
    set: `host = split_part(url, '/', 3)`,
    where: 'host IS NULL',
  });
}

const valuesOf = (column: string) =>
  app.db.query<object[]>(`SELECT ${column} AS value, count(*)::int FROM bookmarks GROUP BY ${column}`);

describe('a required column', () => {
  it('is in the test as in the guide', () => {
    expect(blocksNotIn(GUIDE, ['e2e/change-a-table-guide.spec.ts'])).toEqual([]);
  });

  it('gets its default in the rows that exist, and in those of the previous release', async () => {
    await insertAsBefore(10);

    await db.query(withDefault);
    await insertAsBefore(1);

    expect(await valuesOf('kind')).toEqual([{ value: 'other', count: 11 }]);
  });

  it('gets a computed value in each row, while the previous release inserts others', async () => {
    await insertAsBefore(2_489);

    await db.query(addColumn);
    await backfill();
    await insertAsBefore(1);
    await backfill();
    await db.query(addCheck);
    await db.query(require);

    expect(await valuesOf('host')).toEqual([{ value: 'example.com', count: 2_501 }]);
    await expect(insertAsBefore(1)).rejects.toMatchObject({ code: '23502' });
  });
});
