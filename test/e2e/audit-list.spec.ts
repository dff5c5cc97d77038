import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

interface Event {
  id: string;
  createdAt: string;
}

describe('GET /v1/audit-events', () => {
  it('is for administrators only', async () => {
    const user = await signedIn(app);

    const answers = [await app.http().get('/v1/audit-events'), await user.get('/v1/audit-events')];

    expect(answers.map(({ status }) => status)).toEqual([401, 403]);
  });

  it('lists each event once, newest first', async () => {
    const user = await signedIn(app);
    for (const _ of times(6, () => 0)) await signIn(user);
    const all = await eventsOf(user);
    const path = `/v1/audit-events?userId=${user.user.id}&limit=3`;

    const pages: Event[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await admin.get(`${path}${cursor && `&cursor=${cursor}`}`);
      pages.push(body.data);
      cursor = body.meta.nextCursor;
    }

    expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(all);
    expect(all).toEqual(
      all.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id)),
    );
  });

  it('filters by type, by account and by time', async () => {
    const user = await signedIn(app);
    await signIn(user, 'a wrong password');
    await signIn(user);
    const [last, failed, first] = await eventsOf(user);
    const list = async (query: string) => {
      const { body } = await admin.get(`/v1/audit-events?userId=${user.user.id}&${query}`);
      return body.data.map(({ id }: Event) => id);
    };

    expect(await list('type=sign-in-failed')).toEqual([failed?.id]);
    expect(await list(`from=${last?.createdAt}`)).toContain(last?.id);
    expect(await list(`from=${last?.createdAt}`)).not.toContain(first?.id);
    expect(await list(`to=${first?.createdAt}`)).toEqual([first?.id]);
    expect(await list('sort=createdAt&limit=1')).toEqual([first?.id]);
  });

  it.each([
    ['type=no-such-type', 422],
    ['userId=me', 422],
    ['from=yesterday', 422],
    ['sort=type', 422],
    ['actorId=x', 422],
    ['userId[]=x', 422],
    ['cursor=x', 400],
  ])('rejects an invalid query: %s', async (query, status) => {
    expect((await admin.get(`/v1/audit-events?${query}`)).status).toBe(status);
  });

  it('accepts a cursor only with the filters it was created for', async () => {
    const { body } = await admin.get('/v1/audit-events?limit=1');

    const answer = await admin.get(`/v1/audit-events?limit=1&type=sign-in&cursor=${body.meta.nextCursor}`);

    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
  });
});

/** The events of an account, newest first. */
async function eventsOf({ user }: SignedIn): Promise<Event[]> {
  const { body } = await admin.get(`/v1/audit-events?limit=100&userId=${user.id}`);
  return body.data;
}

const signIn = ({ user }: SignedIn, password = PASSWORD) =>
  app.http().post('/v1/auth/login').send({ email: user.email, password });
