import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { captureLogs } from '../support/logs.ts';
import { times } from '../support/until.ts';

const FRONTEND = 'https://app.example.com';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ settings: { CORS_ORIGINS: FRONTEND } });
});

afterAll(() => app.stop());

describe('signing in with the refresh token in a cookie', () => {
  it('sets a cookie that no script and no other host can reach', async () => {
    const { headers } = await signIn();

    const cookies = setCookies({ headers });
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['__Host-refresh', '__Host-device']);
    const [pair = '', ...attributes] = cookies[0]!.split('; ');
    expect(pair).toMatch(/^__Host-refresh=[\w-]{60,}$/);
    expect(pair.length).toBeLessThan(4_096);
    expect(new Set(attributes)).toEqual(
      new Set([`Max-Age=${14 * 86_400}`, 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict']),
    );
  });

  it('returns the access token in the body, and the refresh token only in the cookie', async () => {
    const answer = await signIn();

    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body.data).toSorted()).toEqual(['accessToken', 'expiresIn', 'tokenType']);
    expect(answer.text).not.toContain(cookieOf(answer).split('=')[1]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('sets no cookie unless the client requests it', async () => {
    const { user, password } = await createUser(app);

    const answers = await Promise.all(
      [{}, { refreshTokenIn: 'body' }].map((body) =>
        app
          .http()
          .post('/v1/auth/login')
          .send({ email: user.email, password, ...body }),
      ),
    );

    for (const answer of answers) {
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.body.data.refreshToken).toEqual(expect.any(String));
    }
  });

  it('rejects an unknown refresh-token transport', async () => {
    const { user, password } = await createUser(app);

    const answer = await app
      .http()
      .post('/v1/auth/login')
      .send({ email: user.email, password, refreshTokenIn: 'query' });

    expect(answer).toMatchObject({ status: 422, body: { details: [{ path: 'refreshTokenIn' }] } });
  });

  it('revokes the session of the request’s cookie, and starts an independent one', async () => {
    const planted = await signIn();
    const { user, password } = await createUser(app);

    const answer = await signInAs(user.email, password).set('cookie', cookieOf(planted));

    expect(answer.status).toBe(200);
    expect(cookieOf(answer)).not.toBe(cookieOf(planted));
    expect((await refresh(cookieOf(planted))).status).toBe(401);
    expect((await bearer(planted)).status).toBe(401);
    expect((await bearer(answer)).body.data.email).toBe(user.email);
  });

  it('revokes no session for an unknown cookie or a wrong password', async () => {
    const planted = await signIn();
    const { user, password } = await createUser(app);

    const forged = await signInAs(user.email, password).set('cookie', `__Host-refresh=${'x'.repeat(70)}`);
    const wrong = await signInAs(user.email, 'a wrong password').set('cookie', cookieOf(planted));

    expect([forged.status, wrong.status]).toEqual([200, 401]);
    expect((await bearer(planted)).status).toBe(200);
  });
});

describe('signing in with an old refresh token in the cookie', () => {
  it('treats the token as reused: the session is revoked, with an audit event', async () => {
    const { user, password } = await createUser(app);
    const stolen = cookieOf(await signInAs(user.email, password));
    const current = cookieOf(await refresh(cookieOf(await refresh(stolen))));

    const response = await signInAs(user.email, password).set('cookie', stolen);

    expect(response.status).toBe(200);
    expect((await refresh(current)).status).toBe(401);
    const events = await app.db.query('SELECT type FROM audit_events WHERE user_id = $1', [user.id]);
    expect(events).toContainEqual({ type: 'refresh-token-reused' });
  });
});

describe('refreshing by cookie', () => {
  it('sets the new token in the cookie', async () => {
    const first = cookieOf(await signIn());

    const answer = await refresh(first);

    expect(answer.status).toBe(200);
    expect(answer.body.data).not.toHaveProperty('refreshToken');
    expect(cookieOf(answer)).not.toBe(first);
    expect((await refresh(cookieOf(answer))).status).toBe(200);
  });

  it('never moves the token into the body', async () => {
    const answer = await refresh(cookieOf(await signIn())).send({ refreshTokenIn: 'body' });

    expect(answer.body.data).not.toHaveProperty('refreshToken');
  });

  it('works from an allowed origin', async () => {
    const answer = await refresh(cookieOf(await signIn()), new URL(app.config.PUBLIC_URL).origin);

    expect(answer.status).toBe(200);
  });

  it.each([
    ['another site', 'https://evil.example'],
    ['a sibling host', 'https://evil.app.example.com'],
    ['a name that begins alike', 'https://app.example.com.evil.example'],
    ['another scheme', 'http://app.example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['a sandboxed frame', 'null'],
    ['an origin in capitals', 'HTTPS://APP.EXAMPLE.COM'],
    ['an empty origin', ''],
  ])('is rejected from %s, and does not consume the token', async (_name, origin) => {
    const cookie = cookieOf(await signIn());

    const answer = await refresh(cookie, origin);

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect((await refresh(cookie)).status).toBe(200);
  });

  it('is rejected without an origin', async () => {
    const cookie = cookieOf(await signIn());

    const answer = await app.http().post('/v1/auth/refresh').set('cookie', cookie);

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it('is rejected when the browser marks the request as cross-site', async () => {
    const cookie = cookieOf(await signIn());

    const answers = await Promise.all(
      ['cross-site', 'none', 'same-site'].map((site) => refresh(cookie).set('sec-fetch-site', site)),
    );

    expect(answers.map(({ status }) => status)).toEqual([403, 200, 200]);
  });

  it.each([
    ['text/plain', '{}'],
    ['application/x-www-form-urlencoded', 'refreshTokenIn=cookie'],
    ['multipart/form-data; boundary=x', '--x--'],
  ])('rejects content types that a form on another site can send: %s', async (type, body) => {
    const cookie = cookieOf(await signIn());

    const answer = await refresh(cookie).set('content-type', type).send(body);

    expect(answer.status).toBe(415);
  });

  it('responds 401 without a cookie, and with an unknown one', async () => {
    const answers = [await refresh(''), await refresh('__Host-refresh=x'), await refresh('refresh=x')];

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      times(3, () => [401, 'REFRESH_TOKEN_INVALID']),
    );
  });

  it('prefers the token in the body, which needs no origin', async () => {
    const { user, password } = await createUser(app);
    const { body } = await app.http().post('/v1/auth/login').send({ email: user.email, password });
    const cookie = cookieOf(await signIn());

    const answer = await app
      .http()
      .post('/v1/auth/refresh')
      .set('cookie', cookie)
      .send({ refreshToken: body.data.refreshToken });

    expect(answer.status).toBe(200);
    expect((await bearer(answer)).body.data.email).toBe(user.email);
    expect((await refresh(cookie)).status).toBe(200);
  });

  it('can move a token from the body into the cookie', async () => {
    const { user, password } = await createUser(app);
    const { body } = await app.http().post('/v1/auth/login').send({ email: user.email, password });

    const answer = await app
      .http()
      .post('/v1/auth/refresh')
      .send({ refreshToken: body.data.refreshToken, refreshTokenIn: 'cookie' });

    expect(answer.body.data).not.toHaveProperty('refreshToken');
    expect((await refresh(cookieOf(answer))).status).toBe(200);
  });
});

describe('signing out', () => {
  it.each(['/v1/auth/logout', '/v1/auth/logout-all'])('clears the cookie: %s', async (path) => {
    const session = await signIn();

    const answer = await app
      .http()
      .post(path)
      .set('cookie', cookieOf(session))
      .set('authorization', `Bearer ${session.body.data.accessToken}`);

    expect(answer.status).toBe(204);
    const [cookie = ''] = setCookies(answer);
    expect(cookie).toMatch(/^__Host-refresh=;/);
    expect(cookie).toMatch(/; Expires=Thu, 01 Jan 1970 00:00:00 GMT/);
    expect(cookie).toMatch(/; Secure/);
    expect((await refresh(cookieOf(session))).status).toBe(401);
  });

  it('requires more than the cookie', async () => {
    const session = await signIn();

    const answer = await app
      .http()
      .post('/v1/auth/logout')
      .set('cookie', cookieOf(session))
      .set('origin', FRONTEND);

    expect(answer.status).toBe(401);
    expect((await refresh(cookieOf(session))).status).toBe(200);
  });
});

describe('the cookie', () => {
  it('does not authenticate other routes', async () => {
    const session = await signIn();

    const answers = await Promise.all(
      ['/v1/users/me', '/v1/auth/sessions', '/v1/jobs'].map((path) =>
        app.http().get(path).set('cookie', cookieOf(session)).set('origin', FRONTEND),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  it('appears in no log', async () => {
    const logs = captureLogs(app.api);

    const cookie = cookieOf(await signIn());
    await refresh(cookie);
    await refresh(cookie, 'https://evil.example');

    expect(logs.lines().length).toBeGreaterThan(0);
    expect(logs.text()).not.toContain(cookie.split('=')[1]);
  });
});

interface Answer {
  headers: Record<string, unknown>;
}

const signInAs = (email: string, password: string) =>
  app.http().post('/v1/auth/login').send({ email, password, refreshTokenIn: 'cookie' });

/** Signs in to a new account. */
async function signIn() {
  const { user, password } = await createUser(app);
  return signInAs(user.email, password);
}

const refresh = (cookie: string, origin = FRONTEND) =>
  app.http().post('/v1/auth/refresh').set('origin', origin).set('cookie', cookie);

const bearer = ({ body }: { body: { data: { accessToken: string } } }) =>
  app.http().get('/v1/users/me').set('authorization', `Bearer ${body.data.accessToken}`);

const setCookies = ({ headers }: Answer): string[] => (headers['set-cookie'] ?? []) as string[];
const refreshCookies = (answer: Answer): string[] =>
  setCookies(answer).filter((cookie) => cookie.startsWith('__Host-refresh='));
const cookieOf = (answer: Answer): string => refreshCookies(answer)[0]?.split(';')[0] ?? '';
