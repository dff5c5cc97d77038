import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn, visitor } from '../support/client.ts';
import { times, until } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('POST /v1/auth/logout', () => {
  it('revokes this session at once and keeps the others', async () => {
    const user = await signedIn(app);
    const elsewhere = await login(app, user.user.email, 'correct horse battery');

    const answer = await user.post('/v1/auth/logout');

    expect(answer).toMatchObject({ status: 204, text: '' });
    const rejected = await user.get('/v1/users/me');
    expect(rejected).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(rejected.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    expect(await visitor(app).refresh(user.refreshToken)).toMatchObject({
      status: 401,
      body: { code: 'REFRESH_TOKEN_INVALID' },
    });
    expect((await visitor(app).refresh(elsewhere.refreshToken)).status).toBe(200);
  });

  it('rejects all access tokens of the session, also those from earlier refreshes', async () => {
    const user = await signedIn(app);
    const { body } = await visitor(app).refresh(user.refreshToken);

    await user.post('/v1/auth/logout');

    expect((await bearer(body.data.accessToken)).status).toBe(401);
    expect((await bearer(user.accessToken)).status).toBe(401);
  });

  it('needs an access token', async () => {
    const answer = await app.http().post('/v1/auth/logout');

    expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('reaches other instances within about a second, and instances that start later', async () => {
    const other = await app.startAnother();
    const user = await signedIn(app);
    expect((await user.get('/v1/users/me', other)).status).toBe(200);

    await user.post('/v1/auth/logout');

    await until(
      async () => (await user.get('/v1/users/me', other)).status === 401,
      'the other instance to reject the token',
      2_000,
    );
    const later = await app.startAnother();
    expect((await user.get('/v1/users/me', later)).status).toBe(401);
  });

  it('leaves no valid token when it runs in parallel with refreshes', async () => {
    const users = await Promise.all(times(20, () => signedIn(app)));

    const races = await Promise.all(
      users.map((user) =>
        Promise.all([
          visitor(app).refresh(user.refreshToken),
          user.post('/v1/auth/logout'),
          visitor(app).refresh(user.refreshToken),
        ]),
      ),
    );

    expect(races.map(([, loggedOut]) => loggedOut.status)).toEqual(times(20, () => 204));
    const won = races.flatMap(([first, , second]) => [first, second]).filter(({ status }) => status === 200);
    for (const { body } of won) {
      expect((await bearer(body.data.accessToken)).status).toBe(401);
      expect((await visitor(app).refresh(body.data.refreshToken)).status).toBe(401);
    }
    expect(await liveSessionsOf(users)).toEqual([]);
  });
});

const bearer = (token: string) => app.http().get('/v1/users/me').set('authorization', `Bearer ${token}`);

const liveSessionsOf = (users: SignedIn[]) =>
  app.db.query('SELECT id FROM sessions WHERE revoked_at IS NULL AND id = ANY($1)', [
    users.map(({ accessToken }) => decodeJwt(accessToken)['sid']),
  ]);
