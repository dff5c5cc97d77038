import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PersonalData } from '../../src/platform/personal-data/personal-data.module.ts';
import { TestApp } from '../support/app.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('each table with data of users', () => {
  it('is declared: exported or exempt, and erased or kept', async () => {
    const tables = await tablesOfUsers();

    const undeclared = tables.filter((table) => !app.api.get(PersonalData).find(table));

    expect(tables.length).toBeGreaterThan(8);
    expect(undeclared).toEqual([]);
  });

  it('loses its rows with the user, unless a statement erases them or a reason keeps them', async () => {
    const cascades = new Set((await foreignKeys()).filter((key) => key.cascades).map(({ table }) => table));

    const remaining = app.api
      .get(PersonalData)
      .all()
      .filter(({ table, erased }) => erased === 'cascade' && table !== 'users' && !cascades.has(table))
      .map(({ table }) => table);

    expect(remaining).toEqual([]);
  });
});

const foreignKeys = () =>
  app.db.query<{ table: string; cascades: boolean }[]>(
    `SELECT conrelid::regclass::text AS "table", confdeltype = 'c' AS cascades FROM pg_constraint
     WHERE contype = 'f' AND confrelid = 'users'::regclass`,
  );

/** Tables with a foreign key to users, or with a column that names a user. */
async function tablesOfUsers(): Promise<string[]> {
  const columns = await app.db.query<{ table: string }[]>(
    `SELECT DISTINCT table_name AS "table" FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'user_id'`,
  );
  return [...new Set([...columns, ...(await foreignKeys())].map(({ table }) => table))].toSorted();
}
