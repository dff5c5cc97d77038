import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { TestApp } from '../support/app.ts';

const GUIDE = readFileSync(new URL('../../docs/database.md', import.meta.url), 'utf8');

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('docs/database.md', () => {
  it('lists every index, and no other', async () => {
    const indexes = await namesOf(
      `SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%'`,
    );

    expect(firstColumn('Indexes').toSorted()).toEqual(indexes);
  });

  it('lists every unique and check constraint, and no other', async () => {
    const constraints = await namesOf(
      `SELECT conname AS name FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('u', 'c')
       UNION
       SELECT indexname FROM pg_indexes
       WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE% WHERE %'`,
    );

    expect(firstColumn('Constraints').toSorted()).toEqual(constraints);
  });

  it('marks exactly the partial indexes', async () => {
    const partial = await namesOf(
      `SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '% WHERE %'
       AND indexdef NOT LIKE 'CREATE UNIQUE%'`,
    );

    const marked = [...section('Indexes').matchAll(/^\| `(\w+)` +\| partial/gm)].map(([, name]) =>
      String(name),
    );
    expect(marked.toSorted()).toEqual(partial);
  });

  it('draws every table and every foreign key', async () => {
    const foreignKeys = await namesOf(`
      SELECT DISTINCT confrelid::regclass || ' ' || conrelid::regclass AS name FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype = 'f'`);
    const tables = await namesOf(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'`,
    );

    const lines = [...section('Tables').matchAll(/^ {2}(\w+) \|\|--o\{ (\w+) :/gm)];
    expect(lines.map(([, parent, child]) => `${parent} ${child}`).toSorted()).toEqual(foreignKeys);
    for (const table of tables) expect(section('Tables')).toMatch(new RegExp(`\\b${table}\\b`));
  });
});

async function namesOf(statement: string): Promise<string[]> {
  const rows = await app.db.query<{ name: string }[]>(statement);
  return rows.map(({ name }) => name).toSorted();
}

const section = (title: string): string => GUIDE.split(/^## /m).find((part) => part.startsWith(title)) ?? '';

const firstColumn = (title: string): string[] =>
  [...section(title).matchAll(/^\| `(\w+)`/gm)].map(([, name]) => String(name));
