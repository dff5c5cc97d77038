import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Keyset } from '../../src/platform/pagination/keyset.ts';
import { User } from '../../src/users/user.entity.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin', email: 'admin@example.com' });
  // Sequential, so that their times differ or at least their ids increase.
  for (const index of times(25, (i) => i))
    await createUser(app, { email: `member-${letter(index)}@example.com` });
});

afterAll(() => app.stop());

const PROPERTIES = [
  'avatarUrl',
  'createdAt',
  'displayName',
  'email',
  'emailVerified',
  'id',
  'locale',
  'role',
  'status',
  'updatedAt',
];

describe('GET /v1/users', () => {
  it('lists the newest first, twenty at a time', async () => {
    const answer = await admin.get('/v1/users');

    expect(answer.status).toBe(200);
    expect(answer.body.meta).toEqual({ limit: 20, nextCursor: expect.any(String) });
    expect(emailsIn(answer)).toEqual(times(20, (index) => `member-${letter(24 - index)}@example.com`));
    expect(Object.keys(answer.body.data[0]).toSorted()).toEqual(PROPERTIES);
  });

  it.each(['-createdAt', 'createdAt', 'email', '-email'])(
    'returns each user once when sorted by %s',
    async (sort) => {
      const pages = await walk(`/v1/users?limit=4&sort=${sort}`);

      const emails = pages.flat();
      const expected = ['admin@example.com', ...times(25, (index) => `member-${letter(index)}@example.com`)];
      expect(emails).toEqual(sort.startsWith('-') ? expected.toReversed() : expected);
      expect(pages.map((page) => page.length)).toEqual([4, 4, 4, 4, 4, 4, 2]);
    },
  );

  it('also links the next page in a header', async () => {
    const first = await admin.get('/v1/users?limit=10&status=active');

    const [, target] = /^<([^>]+)>; rel="next"$/.exec(String(first.headers['link'])) ?? [];
    const second = await admin.get(String(target));

    expect(second).toMatchObject({ status: 200, body: { meta: { limit: 10 } } });
    expect(emailsIn(second)).toEqual(times(10, (index) => `member-${letter(14 - index)}@example.com`));
  });

  it('has no next page after the last row', async () => {
    const answer = await admin.get('/v1/users?limit=100');

    expect(answer.body.meta).toEqual({ limit: 100, nextCursor: null });
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('has no next page when the last page is full', async () => {
    const answer = await admin.get('/v1/users?limit=26');

    expect(answer.body.data).toHaveLength(26);
    expect(answer.body.meta.nextCursor).toBeNull();
  });

  it('neither repeats nor skips a row while others are added and deleted', async () => {
    const fresh: string[] = [];
    const pages = await walk('/v1/users?limit=5', async () => {
      const { user } = await createUser(app, { email: `late-${fresh.length}@example.com` });
      fresh.push(user.id);
    });

    await app.db.query('DELETE FROM users WHERE id = ANY($1)', [fresh]);
    const seen = pages.flat();
    expect(fresh.length).toBeGreaterThan(3);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(26);
  });

  it('continues after a row that has been deleted', async () => {
    const { user } = await createUser(app, { email: 'here-today@example.com' });
    const first = await admin.get('/v1/users?limit=1');
    await app.db.query('DELETE FROM users WHERE id = $1', [user.id]);

    const second = await admin.get(`/v1/users?limit=1&cursor=${first.body.meta.nextCursor}`);

    expect(emailsIn(first)).toEqual(['here-today@example.com']);
    expect(emailsIn(second)).toEqual([`member-${letter(24)}@example.com`]);
  });

  it('handles rows with the same time', async () => {
    const ids = await Promise.all(times(6, async () => (await createUser(app)).user.id));
    await app.db.query(`UPDATE users SET created_at = '2020-01-01' WHERE id = ANY($1)`, [ids]);

    const pages = await walk('/v1/users?limit=1&sort=createdAt');

    await app.db.query('DELETE FROM users WHERE id = ANY($1)', [ids]);
    expect(new Set(pages.flat()).size).toBe(32);
  });
});

describe('a cursor', () => {
  const cursorOf = async (query: string) =>
    (await admin.get(`/v1/users?limit=2&${query}`)).body.meta.nextCursor;

  it.each([
    ['of another sort', 'sort=email', 'sort=-email'],
    ['of another filter', 'status=active', 'role=user'],
    ['of no filter', 'sort=email', 'sort=email&status=active'],
    ['of another prefix', 'email=member', 'email=mem'],
  ])('is rejected if it is one %s', async (_name, made, used) => {
    const cursor = await cursorOf(made);

    const answer = await admin.get(`/v1/users?${used}&cursor=${cursor}`);

    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });

  it('is rejected by another list', async () => {
    const cursor = await cursorOf('');

    const answer = await admin.get(`/v1/jobs?cursor=${cursor}`);

    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });

  it.each([
    ['is cut off', (cursor: string) => cursor.slice(0, -1)],
    ['was changed at its start', (cursor: string) => `A${cursor.slice(1)}`],
    ['has no signature', (cursor: string) => cursor.split('.')[0]!],
    [
      'has another position under its signature',
      (cursor: string) => {
        const position = Buffer.from('["2020-01-01T00:00:00.000Z","x"]').toString('base64url');
        return `${position}.${cursor.split('.')[1]}`;
      },
    ],
    ['is not a cursor', () => 'page-2'],
    ['is empty', () => ''],
    ['is a number', () => '2'],
    ['is SQL', () => `' OR 1=1--`],
  ])('is rejected if it %s', async (_name, change) => {
    const cursor = change(await cursorOf(''));

    const answer = await admin.get(`/v1/users?cursor=${encodeURIComponent(cursor)}`);

    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });

  it('can be used with another page size', async () => {
    const cursor = await cursorOf('sort=email');

    const answer = await admin.get(`/v1/users?sort=email&limit=3&cursor=${cursor}`);

    expect(answer.status).toBe(200);
    expect(emailsIn(answer)).toEqual(
      ['member-b', 'member-c', 'member-d'].map((name) => `${name}@example.com`),
    );
  });
});

describe('a filter', () => {
  it('selects by role, by status and by both', async () => {
    const { user: suspended } = await createUser(app, {
      status: 'suspended',
      email: 'suspended@example.com',
    });

    const [admins, active, both, none] = await Promise.all(
      [
        'role=admin',
        'status=active&limit=100',
        'role=user&status=suspended',
        'role=admin&status=suspended',
      ].map((query) => admin.get(`/v1/users?${query}`)),
    );

    await app.db.query('DELETE FROM users WHERE id = $1', [suspended.id]);
    expect(emailsIn(admins!)).toEqual(['admin@example.com']);
    expect(emailsIn(active!)).toHaveLength(26);
    expect(emailsIn(both!)).toEqual(['suspended@example.com']);
    expect(none?.body).toEqual({ data: [], meta: { limit: 20, nextCursor: null } });
  });

  it('finds emails by prefix, with any characters', async () => {
    const emails = ['a%b@example.com', 'a_b@example.com', 'axb@example.com', "a'b@example.com"];
    const users = await Promise.all(emails.map((email) => createUser(app, { email })));

    const found = await Promise.all(
      ['a%', 'a_', "a'", 'A_B', '%', '_', 'example.com', 'member-a'].map(async (prefix) =>
        emailsIn(await admin.get(`/v1/users?sort=email&email=${encodeURIComponent(prefix)}`)),
      ),
    );

    await app.db.query('DELETE FROM users WHERE id = ANY($1)', [users.map(({ user }) => user.id)]);
    expect(found).toEqual([
      ['a%b@example.com'],
      ['a_b@example.com'],
      ["a'b@example.com"],
      ['a_b@example.com'],
      [],
      [],
      [],
      ['member-a@example.com'],
    ]);
  });
});

it('a page that is read in a transaction has the changes of the transaction', async () => {
  const runner = app.db.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`UPDATE users SET display_name = 'Not committed' WHERE email = 'member-a@example.com'`);
  const rows = runner.manager.createQueryBuilder(User, 'user').where({ email: 'member-a@example.com' });

  const found = await new Keyset(rows, { value: 'user.email', nullable: false }, 'email').readAfter(
    undefined,
    1,
  );

  await runner.rollbackTransaction();
  await runner.release();
  expect(found.map(({ row }) => row.displayName)).toEqual(['Not committed']);
});
const letter = (index: number): string => String.fromCodePoint('a'.codePointAt(0)! + index);

interface ListAnswer {
  body: { data: { email: string }[] };
}

const emailsIn = ({ body }: ListAnswer): string[] => body.data.map(({ email }) => email);

/** The emails on each page, first to last. */
async function walk(path: string, between: () => Promise<void> = async () => undefined): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const answer = await admin.get(cursor ? `${path}&cursor=${cursor}` : path);
    pages.push(emailsIn(answer));
    cursor = answer.body.meta.nextCursor;
    await between();
  }
  return pages;
}
