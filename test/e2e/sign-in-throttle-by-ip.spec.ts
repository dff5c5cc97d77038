import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PasswordHasher } from '../../src/auth/passwords/password-hasher.service.ts';
import { UnavailableError } from '../../src/platform/errors/platform.errors.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { behindProxy, SignInClient } from '../support/sign-in-client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const FAILURES_MAX = 10;

let app: TestApp;
/** Has another IP address in each test. */
let client: SignInClient;

beforeAll(async () => {
  app = await TestApp.start({ worker: true, settings: behindProxy });
});

beforeEach(async () => {
  await app.db.query('DELETE FROM sign_in_throttles');
  client = new SignInClient(app);
});

afterAll(() => app.stop());

describe('an anonymous caller who guesses passwords', () => {
  it('does not lock the owner out at another source', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX, user.email);

    const owner = await new SignInClient(app).signIn(user.email, PASSWORD);
    const anonymous = await client.signIn(user.email, PASSWORD);

    expect([owner.status, anonymous.status]).toEqual([200, 429]);
  });

  it('does not stop a signed-in owner from changing the password', async () => {
    const user = await signedIn(app);
    await client.failTimes(FAILURES_MAX, user.user.email);

    const change = { currentPassword: PASSWORD, newPassword: 'a new one, and long' };

    expect((await user.post('/v1/auth/change-password', change)).status).toBe(204);
  });

  it('does not lock out a browser in which the owner has signed in, even from the same source', async () => {
    const { user } = await createUser(app);
    const cookie = await deviceCookie(user.email);
    await client.failTimes(FAILURES_MAX, user.email);

    const known = await client.signIn(user.email, PASSWORD).set('cookie', cookie);
    const unknown = await client.signIn(user.email, PASSWORD);

    expect([known.status, unknown.status]).toEqual([200, 429]);
  });

  it('gains nothing from the device cookie of another account', async () => {
    const [{ user }, { user: other }] = [await createUser(app), await createUser(app)];
    const cookie = await deviceCookie(other.email);
    await client.failTimes(FAILURES_MAX, user.email);

    expect((await client.signIn(user.email, PASSWORD).set('cookie', cookie)).status).toBe(429);
  });

  it('gets a hundred guesses from many networks together', async () => {
    const { user } = await createUser(app);

    const statuses = [];
    for (const _ of times(102, () => 0)) {
      statuses.push((await new SignInClient(app).signIn(user.email, 'a wrong password')).status);
    }

    expect(statuses).toEqual([...times(100, () => 401), 429, 429]);
  });

  it('leaves an audit event when the block starts', async () => {
    const { user } = await createUser(app);

    await client.failTimes(FAILURES_MAX + 2, user.email);

    const events = await app.db.query(
      `SELECT type, count(*)::int AS count FROM audit_events WHERE user_id = $1 GROUP BY type ORDER BY type`,
      [user.id],
    );
    expect(events).toEqual([
      { type: 'sign-in-blocked', count: 1 },
      { type: 'sign-in-failed', count: FAILURES_MAX },
    ]);
  });
});

describe('an attempt whose password could not be checked', () => {
  it('does not count as a failure', async () => {
    const { user } = await createUser(app);
    const hasher = app.api.get(PasswordHasher);
    const matches = jest.spyOn(hasher, 'matches').mockRejectedValue(new UnavailableError());

    const statuses = await client.failTimes(FAILURES_MAX + 1, user.email);
    matches.mockRestore();

    expect(statuses).toEqual(times(FAILURES_MAX + 1, () => 503));
    expect((await client.signIn(user.email, PASSWORD)).status).toBe(200);
  });
});

describe('a fractional RATE_LIMIT_FACTOR', () => {
  it('rounds the limits', async () => {
    const { user } = await createUser(app);
    const instance = await app.startAnother({ RATE_LIMIT_FACTOR: '0.25' });

    const wrong = await client.at(instance).signIn(user.email, 'a wrong password');
    const statuses = await client.at(instance).failTimes(3, user.email);

    expect(wrong.headers).toMatchObject({
      'ratelimit-policy': '"sign-in";q=15;w=60',
      ratelimit: expect.stringMatching(/^"sign-in";r=14;t=\d+$/),
    });
    expect([wrong.status, ...statuses]).toEqual([401, 401, 401, 429]);
  });
});

describe('wrong passwords for a verification link', () => {
  it('count as failed sign-ins', async () => {
    const email = `${randomUUID()}@example.com`;
    await client.post('/v1/auth/register', { email, password: PASSWORD, displayName: 'New' });
    const token = await app.mailbox.token(email);
    const verify = (password: string) => client.post('/v1/auth/verify-email', { token, password });

    const statuses = [];
    for (const _ of times(FAILURES_MAX, () => 0)) statuses.push((await verify('a wrong password')).status);

    expect(statuses).toEqual(times(FAILURES_MAX, () => 401));
    expect((await verify(PASSWORD)).status).toBe(429);
  });
});

/** The cookie that identifies a browser after a sign-in. */
async function deviceCookie(email: string): Promise<string> {
  const response = await client.post('/v1/auth/login', {
    email,
    password: PASSWORD,
    refreshTokenIn: 'cookie',
  });
  const cookies = [response.headers['set-cookie']].flat().map(String);
  return cookies.find((cookie) => cookie.startsWith('__Host-device='))!.split(';')[0]!;
}
