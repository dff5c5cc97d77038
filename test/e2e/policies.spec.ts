import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { Raw } from 'typeorm';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { definePolicy } from '../../src/platform/security/policy.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { TestApp } from '../support/app.ts';
import { Board, BoardsModule, TABLES } from '../support/boards.ts';

const [mine, theirs] = [randomUUIDv7(), randomUUIDv7()];
const caller = { userId: randomUUIDv7(), role: 'user' } as Principal;
const otherId = randomUUIDv7();

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ modules: [{ module: BoardsModule }] });
  await app.db.query(TABLES);
  await app.db.getRepository(Board).insert([
    { id: mine, userId: caller.userId, title: 'Mine' },
    { id: theirs, userId: otherId, title: 'Theirs' },
  ]);
});

afterAll(() => app.stop());

type Condition = Parameters<typeof definePolicy<Board, 'related', never>>[1]['relations']['related'];

const policyOf = (related: Condition) =>
  definePolicy(Board, { relations: { related }, actions: { read: ['related'] } });

const boards = () => app.db.createQueryBuilder(Board, 'board');

async function listed(related: Condition, rows = boards()): Promise<string[]> {
  const found = await policyOf(related).filter(rows, 'read', caller).getMany();
  return found.map(({ id }) => id);
}

const withValue = (value: unknown) => ({ userId: value }) as { userId: string };

describe('a relation', () => {
  it.each([
    ['empty', {}],
    ['empty for a related table', { owner: {} }],
    ['a list', []],
    ['compared with undefined', withValue(undefined)],
    ['compared with null', withValue(null)],
    ['compared with undefined in a related table', { owner: { id: undefined } }],
  ])('throws instead of selecting rows when its condition is %s', async (_name, condition) => {
    const related = () => condition as { userId: string };

    await expect(listed(related)).rejects.toThrow('The relation related');
    await expect(policyOf(related).get('read', theirs, caller, app.db.manager)).rejects.toThrow(
      'The relation related',
    );
    expect(() => policyOf(condition as { userId: string })).toThrow('The relation related');
  });

  it('that returns true selects all rows, and false or undefined none', async () => {
    expect((await listed(() => true)).toSorted()).toEqual([mine, theirs].toSorted());
    expect(await listed(() => false)).toEqual([]);
    expect(await listed(() => undefined as never)).toEqual([]);
  });

  it('restricts everything that the query has selected before', async () => {
    const rows = boards().where(`title = 'Mine' OR title = 'Theirs'`).orWhere('id IS NOT NULL');

    expect(await listed(({ userId }) => ({ userId }), rows)).toEqual([mine]);
  });

  it('may name its parameters as the policy does', async () => {
    const related: Condition = ({ userId }) => ({
      userId: Raw((column) => `${column} = :id`, { id: userId }),
    });

    await expect(policyOf(related).get('read', mine, caller, app.db.manager)).resolves.toMatchObject({
      id: mine,
    });
  });

  it('throws when another condition has a parameter of the same name with another value', async () => {
    const titled = (title: string) => Raw((column) => `${column} = :title`, { title });
    const policy = definePolicy(Board, {
      relations: { first: () => ({ title: titled('Mine') }), second: () => ({ title: titled('Other') }) },
      actions: { read: ['first', 'second'] },
    });

    expect(() => policy.filter(boards(), 'read', caller)).toThrow('a parameter title');
    expect(() =>
      policyOf(() => ({ title: titled('Mine') })).filter(
        boards().where('title <> :title', { title: 'x' }),
        'read',
        caller,
      ),
    ).toThrow('a parameter title');
  });
});

describe('the condition for every caller', () => {
  it.each([
    ['undefined', withValue(undefined)],
    ['null', withValue(null)],
    ['nothing', {}],
  ])('is rejected when it compares with %s', (_name, where) => {
    const define = () => definePolicy(Board, { relations: {}, actions: { read: ['anyone'] }, where });

    expect(define).toThrow('where');
  });

  it('hides rows from everyone, in lists, reads and locks', async () => {
    const policy = definePolicy(Board, {
      relations: {},
      actions: { read: ['anyone'] },
      where: { title: 'Mine' },
    });

    const found = await policy.filter(boards(), 'read', undefined).getMany();
    expect(found.map(({ id }) => id)).toEqual([mine]);
    await expect(policy.get('read', theirs, caller, app.db.manager)).rejects.toThrow(NotFoundError);
    await app.db.transaction((tx) =>
      expect(policy.lock('read', theirs, caller, tx)).rejects.toThrow(NotFoundError),
    );
  });
});
