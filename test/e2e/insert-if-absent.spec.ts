import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { insertIfAbsent } from '../../src/platform/database/insert-if-absent.ts';
import { TestApp } from '../support/app.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { PostsModule, PostsService, TABLES, Topic } from '../support/posts.ts';
import { times, until } from '../support/until.ts';

const SOURCE = readFileSync(new URL('../support/posts.ts', import.meta.url), 'utf8');

let app: TestApp;
let posts: PostsService;

beforeAll(async () => {
  app = await TestApp.start({ modules: [{ module: PostsModule }] });
  await app.db.query(TABLES);
  posts = app.api.get(PostsService, { strict: false });
});

afterAll(() => app.stop());

const useTopic = (name: string) => app.db.transaction((tx) => posts.useTopic(name, tx));

it.each(codeBlocks(readGuide('../database.md'), 'ts'))(
  'the code of docs/database.md is the code that is tested here: %#',
  (code) => {
    expect(SOURCE).toContain(code.trim());
  },
);

describe('insertIfAbsent', () => {
  it('inserts one row for parallel calls, and returns it to all', async () => {
    const results = await Promise.all(times(8, () => useTopic('parallel')));

    expect(results.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(results.map(({ topic }) => topic.id)).size).toBe(1);
  });

  it('inserts the row if the transaction that was first rolls back', async () => {
    let second: ReturnType<typeof useTopic> | undefined;

    const first = app.db.transaction(async (tx) => {
      await posts.useTopic('undone', tx);
      second = useTopic('undone');
      await until(secondIsWaiting, 'the second insert');
      throw new Error('roll back');
    });

    await expect(first).rejects.toThrow('roll back');
    expect(await second).toMatchObject({ isNew: true, topic: { name: 'undone' } });
  });

  it('inserts the row if the existing one is deleted before it is read', async () => {
    await useTopic('deleted');
    const find = jest.fn(async () => {
      if (find.mock.calls.length === 1) await app.db.query(`DELETE FROM topics WHERE name = 'deleted'`);
      return app.db.manager.findOneBy(Topic, { name: 'deleted' });
    });

    const values = { id: randomUUIDv7(), name: 'deleted' };
    const { row, isNew } = await insertIfAbsent(Topic, values, find, app.db.manager);

    expect([row, isNew]).toEqual([values, true]);
  });

  it('is unavailable if the existing row is never found', async () => {
    await useTopic('hidden');
    const values = { id: randomUUIDv7(), name: 'hidden' };

    const insert = insertIfAbsent(Topic, values, async () => null, app.db.manager);

    await expect(insert).rejects.toMatchObject({ name: 'UNAVAILABLE' });
  });
});

async function secondIsWaiting(): Promise<boolean> {
  const rows = await app.db.query<unknown[]>(
    `SELECT 1 FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE 'INSERT INTO "topics"%'`,
  );
  return rows.length > 0;
}
