import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
  await Promise.all(times(25, () => createUser(app)));
});

afterAll(() => app.stop());

describe('page numbers', () => {
  it.each(['-createdAt', 'email'])('are the pages of the cursors when sorted by %s', async (sort) => {
    const byCursor = await walk(`/v1/users?limit=6&sort=${sort}`);

    const byNumber = await Promise.all(
      times(byCursor.length, async (index) =>
        emailsIn(await admin.get(`/v1/users?limit=6&sort=${sort}&page=${index + 1}`)),
      ),
    );

    expect(byNumber).toEqual(byCursor);
  });

  it('can be continued with the cursor of a page', async () => {
    const byCursor = await walk('/v1/users?limit=6&status=active');
    const second = await admin.get('/v1/users?limit=6&page=2&status=active');

    const [, target] = /^<([^>]+)>; rel="next"$/.exec(String(second.headers['link'])) ?? [];
    const third = await admin.get(String(target));

    expect(target).not.toContain('page=');
    expect(emailsIn(third)).toEqual(byCursor[2]);
  });

  it('return an empty page after the last one, with the total', async () => {
    const { body } = await admin.get('/v1/users?limit=10&page=9&include=total');

    expect(body).toEqual({ data: [], meta: { limit: 10, nextCursor: null, total: 26 } });
  });

  it.each([
    ['page=51&limit=100', 'PAGE_TOO_FAR'],
    ['page=251', 'PAGE_TOO_FAR'],
    ['page=5001&limit=1', 'TOO_BIG'],
    ['page=1&cursor=abc', 'PAGE_AND_CURSOR'],
    ['page=0', 'TOO_SMALL'],
    ['page=1.5', 'INVALID_TYPE'],
    ['page=two', 'INVALID_TYPE'],
    ['page=1&page=2', 'INVALID_TYPE'],
  ])('are rejected: %s', async (query, code) => {
    const answer = await admin.get(`/v1/users?${query}`);

    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', details: [{ path: 'page', code }] },
    });
  });

  it('can reach the last row that the limit allows', async () => {
    const answers = await Promise.all(
      ['page=50&limit=100', 'page=5000&limit=1'].map((query) => admin.get(`/v1/users?${query}`)),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('are not accepted by a list without them', async () => {
    expect(await admin.get('/v1/audit-events?page=1')).toMatchObject({
      status: 422,
      body: { details: [{ path: 'page', code: 'UNKNOWN_PROPERTY' }] },
    });
  });
});

interface ListAnswer {
  body: { data: { email: string }[] };
}

const emailsIn = ({ body }: ListAnswer): string[] => body.data.map(({ email }) => email);

/** The emails on each page. */
async function walk(path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const answer = await admin.get(cursor ? `${path}&cursor=${cursor}` : path);
    pages.push(emailsIn(answer));
    cursor = answer.body.meta.nextCursor;
  }
  return pages;
}
