import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql } from '../support/graphql.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin', email: 'root@example.org', displayName: 'Root' });
  const users = [
    ['ada.lovelace@example.com', 'Ada Lovelace'],
    ['countess@ada-society.example.com', 'Augusta King'],
    ['grace@example.com', 'Grace Brewster Hopper'],
    ['jean-luc@example.com', "Jean-Luc O'Neil"],
    ['zoe@example.com', 'ZOË Éclair'],
    ['li@example.com', '李 小龙'],
  ];
  for (const [email, displayName] of users)
    await createUser(app, { email: email!, displayName: displayName! });
});

afterAll(() => app.stop());

const search = (q: string, more = '') => admin.get(`/v1/users?q=${encodeURIComponent(q)}${more}`);

async function emailsOf(q: string, more = ''): Promise<string[]> {
  const { body } = await search(q, more);
  return body.data.map(({ email }: { email: string }) => email);
}

describe('a search for users', () => {
  it.each([
    ['the start of a word of the name', 'love', ['ada.lovelace@example.com']],
    ['any case', 'LOVELACE', ['ada.lovelace@example.com']],
    ['several words in any order', 'hop gra', ['grace@example.com']],
    ['parts of an email', 'society', ['countess@ada-society.example.com']],
    ['a whole email', 'ada.lovelace@example.com', ['ada.lovelace@example.com']],
    ['a word with a hyphen', 'jean-luc', ['jean-luc@example.com']],
    ['a part behind a hyphen', 'luc', ['jean-luc@example.com']],
    ['a part behind an apostrophe', 'neil', ['jean-luc@example.com']],
    ['letters with accents, in any case', 'zoë écl', ['zoe@example.com']],
    ['letters with accents by the letters without them', 'zoe ecl', ['zoe@example.com']],
    ['letters without accents by those with them', 'ádá lovelace', ['ada.lovelace@example.com']],
    ['other scripts', '小', ['li@example.com']],
    ['words of which one is missing', 'ada hopper', []],
    ['the middle of a word', 'lace', []],
    ['operators and quotes', `ada' | !x & (y) <-> "z":*`, []],
    ['only punctuation', '%_&|!', []],
    ['only spaces', '  ', []],
  ])('finds %s', async (_name, q, emails) => {
    expect(await emailsOf(q)).toEqual(emails);
  });

  it('returns matches in the name before those in the email', async () => {
    expect(await emailsOf('ada')).toEqual(['ada.lovelace@example.com', 'countess@ada-society.example.com']);
    expect(await emailsOf('ada', '&sort=relevance')).toEqual([
      'countess@ada-society.example.com',
      'ada.lovelace@example.com',
    ]);
  });

  it('follows changes of the name', async () => {
    const user = await signedIn(app, { email: 'changing@example.com', displayName: 'Before' });
    await user.patch('/v1/users/me', { displayName: 'Afterwards' });

    expect(await emailsOf('before')).toEqual([]);
    expect(await emailsOf('afterwards')).toEqual(['changing@example.com']);
  });

  it.each(['-relevance', 'relevance', '-createdAt', 'createdAt', '-email', 'email'])(
    'has each match once on its pages when sorted by %s',
    async (sort) => {
      const whole = await emailsOf('example', `&sort=${sort}`);

      const found: string[] = [];
      for (let next: string | null = ''; next !== null;) {
        const { body } = await search('example', `&limit=2&sort=${sort}${next && `&cursor=${next}`}`);
        found.push(...body.data.map(({ email }: { email: string }) => email));
        next = body.meta.nextCursor;
      }

      expect(found).toEqual(whole);
      expect(found.length).toBeGreaterThan(6);
    },
  );

  it('can be combined with filters, page numbers and the total', async () => {
    await createUser(app, { email: 'suspended@example.com', status: 'suspended' });

    const { body } = await search('example', '&status=suspended&page=1&include=total');

    expect(body).toMatchObject({ data: [{ email: 'suspended@example.com' }], meta: { total: 1 } });
  });

  it('rejects the cursor of another search', async () => {
    const { body } = await search('example', '&limit=1');

    const answer = await search('ada', `&cursor=${body.meta.nextCursor}`);

    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });

  it.each([
    ['q=', 'TOO_SHORT'],
    [`q=${'a'.repeat(101)}`, 'TOO_LONG'],
    ['q=%00', 'INVALID_TEXT'],
    ['q=a&q=b', 'INVALID_TYPE'],
  ])('rejects %s', async (query, code) => {
    expect(await admin.get(`/v1/users?${query}`)).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', details: [{ path: 'q', code }] },
    });
  });

  it('is also an argument of GraphQL', async () => {
    const { data } = await graphql(admin, '{ users(q: "lovelace") { edges { node { email } } totalCount } }');

    expect(data.users).toEqual({ edges: [{ node: { email: 'ada.lovelace@example.com' } }], totalCount: 1 });
  });

  it('is rejected if it matches more than 5,000 accounts', async () => {
    const insert = (count: number) =>
      app.db.query(
        `INSERT INTO users (id, email, display_name)
         SELECT gen_random_uuid(), gen_random_uuid() || '@many.example.net', 'Many' FROM generate_series(1, $1::int)`,
        [count],
      );

    await insert(5_000);
    const atLimit = await search('many', '&limit=1');
    await insert(1);
    const above = await Promise.all([search('many'), search('many', '&sort=email'), search('m')]);
    const filtered = await search('many', '&status=suspended');

    expect(atLimit.status).toBe(200);
    expect(above.map(({ status, body }) => [status, body.code])).toEqual(
      times(3, () => [422, 'TOO_MANY_MATCHES']),
    );
    expect(filtered.body.data).toEqual([]);
  });
});
