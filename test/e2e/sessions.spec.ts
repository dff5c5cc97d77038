import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn, visitor } from '../support/client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const CAP = 20;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('GET /v1/auth/sessions', () => {
  it('lists the sessions of the account, most recently used first', async () => {
    const phone = await signedIn(app);
    const laptop = await signedInAgain(phone, 'Laptop/1.0');
    await visitor(app).refresh(phone.refreshToken);

    const { status, body } = await laptop.get('/v1/auth/sessions');

    expect(status).toBe(200);
    expect(body).toEqual({
      data: [phone, laptop].map((session) => ({
        id: sid(session),
        userAgent: session === laptop ? 'Laptop/1.0' : null,
        ipAddress: expect.stringContaining('127.0.0.1'),
        createdAt: expect.any(String),
        lastUsedAt: expect.any(String),
        expiresAt: expect.any(String),
        current: session === laptop,
      })),
    });
    expect(body.data[0].lastUsedAt > body.data[0].createdAt).toBe(true);
    expect(body.data[0].expiresAt > body.data[0].lastUsedAt).toBe(true);
  });

  it('shows no sessions of other users', async () => {
    const [user, otherUser] = [await signedIn(app), await signedIn(app)];

    const { body } = await user.get('/v1/auth/sessions');

    expect(idsIn(body)).toEqual([sid(user)]);
    expect(JSON.stringify(body)).not.toContain(sid(otherUser));
  });

  it.each([
    ['ended', 'revoked_at = now()'],
    ['past its maximum lifetime', `expires_at = now() - interval '1 second'`],
    ['unused for two weeks', `last_used_at = now() - interval '14 days 1 second'`],
  ])('omits a session that is %s', async (_name, change) => {
    const user = await signedIn(app);
    const other = await signedInAgain(user);
    await app.db.query(`UPDATE sessions SET ${change} WHERE id = $1`, [sid(other)]);

    const { body } = await user.get('/v1/auth/sessions');

    expect(idsIn(body)).toEqual([sid(user)]);
  });

  it('truncates the user agent', async () => {
    const user = await signedIn(app);
    const other = await signedInAgain(user, 'x'.repeat(5_000));

    const { body } = await other.get('/v1/auth/sessions');

    expect(body.data[0].userAgent).toBe('x'.repeat(400));
  });
});

describe('DELETE /v1/auth/sessions/{id}', () => {
  it('revokes one session, also when repeated, and no other', async () => {
    const user = await signedIn(app);
    const other = await signedInAgain(user);

    const answers = [await end(user, sid(other)), await end(user, sid(other))];

    expect(answers.map(({ status, text }) => [status, text])).toEqual(times(2, () => [204, '']));
    expect((await other.get('/v1/users/me')).status).toBe(401);
    expect((await visitor(app).refresh(other.refreshToken)).body.code).toBe('REFRESH_TOKEN_INVALID');
    expect((await user.get('/v1/users/me')).status).toBe(200);
  });

  it('revokes the current session', async () => {
    const user = await signedIn(app);

    const answer = await end(user, sid(user));

    expect(answer.status).toBe(204);
    expect((await user.get('/v1/users/me')).status).toBe(401);
  });

  it('keeps the time of the first revocation', async () => {
    const user = await signedIn(app);
    const other = await signedInAgain(user);
    await other.post('/v1/auth/logout');
    const before = await sessionRow(other);

    await end(user, sid(other));

    expect(await sessionRow(other)).toEqual(before);
  });

  it('responds 404 for another user’s session, which stays active, and for an unknown one', async () => {
    const [user, otherUser] = [await signedIn(app), await signedIn(app)];

    const answers = await Promise.all(
      [sid(otherUser), randomUUID(), 'no-id', '%27%20OR%201=1'].map((id) => end(user, id)),
    );

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      times(4, () => [404, 'NOT_FOUND']),
    );
    expect((await otherUser.get('/v1/users/me')).status).toBe(200);
    expect((await visitor(app).refresh(otherUser.refreshToken)).status).toBe(200);
  });
});

describe('POST /v1/auth/logout-all', () => {
  it('revokes every session of the account and none of others', async () => {
    const [user, otherUser] = [await signedIn(app), await signedIn(app)];
    const other = await signedInAgain(user);

    const answer = await user.post('/v1/auth/logout-all');

    expect(answer).toMatchObject({ status: 204, text: '' });
    for (const session of [user, other]) {
      expect((await session.get('/v1/users/me')).status).toBe(401);
      expect((await visitor(app).refresh(session.refreshToken)).status).toBe(401);
    }
    expect((await otherUser.get('/v1/users/me')).status).toBe(200);
  });
});

describe('the limit of twenty sessions', () => {
  it('revokes the oldest when one more starts', async () => {
    const first = await signedIn(app);
    const others: SignedIn[] = [];
    for (const _ of times(CAP - 1, () => 0)) others.push(await signedInAgain(first));
    expect((await visitor(app).refresh(first.refreshToken)).status).toBe(200);

    const last = await signedInAgain(first);

    expect((await visitor(app).refresh(first.refreshToken)).status).toBe(401);
    const { body } = await last.get('/v1/auth/sessions');
    expect(idsIn(body).toSorted()).toEqual([...others, last].map(sid).toSorted());
  });

  it('holds when many start in parallel', async () => {
    const user = await signedIn(app);
    for (const _ of times(CAP - 1, () => 0)) await signedInAgain(user);

    await Promise.all(times(8, () => signedInAgain(user)));

    const [{ live }] = await app.db.query(
      'SELECT count(*)::int AS live FROM sessions WHERE user_id = $1 AND revoked_at IS NULL',
      [user.user.id],
    );
    expect(live).toBe(CAP);
  });
});

const end = (user: SignedIn, id: string) => user.delete(`/v1/auth/sessions/${id}`);

const sid = ({ accessToken }: SignedIn): string => String(decodeJwt(accessToken)['sid']);

const idsIn = (body: { data: { id: string }[] }): string[] => body.data.map(({ id }) => id);

const sessionRow = async (session: SignedIn) =>
  (await app.db.query('SELECT * FROM sessions WHERE id = $1', [sid(session)]))[0];

async function signedInAgain({ user }: SignedIn, userAgent?: string): Promise<SignedIn> {
  if (userAgent === undefined) {
    const { accessToken, refreshToken } = await login(app, user.email, PASSWORD);
    return new SignedIn(app, user, accessToken, refreshToken);
  }
  const { body } = await app
    .http()
    .post('/v1/auth/login')
    .set('user-agent', userAgent)
    .send({ email: user.email, password: PASSWORD });
  return new SignedIn(app, user, body.data.accessToken, body.data.refreshToken);
}
