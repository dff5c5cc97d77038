import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PasswordHasher } from '../../src/auth/passwords/password-hasher.service.ts';
import { UnavailableError } from '../../src/platform/errors/platform.errors.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const FAILURES_MAX = 10;

let app: TestApp;
/** The IP address of the test's requests. */
let source: string;

beforeAll(async () => {
  // Behind a proxy, so that tests can choose the source of a request.
  app = await TestApp.start({ worker: true, settings: { RATE_LIMIT_FACTOR: '1', TRUST_PROXY: '127.0.0.1' } });
});

beforeEach(async () => {
  await app.db.query('DELETE FROM sign_in_throttles');
  source = newSource();
});

afterAll(() => app.stop());

describe('an anonymous caller who guesses passwords', () => {
  it('does not lock the owner out at another source', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX, user.email);

    const owner = await signIn(user.email, PASSWORD, undefined, newSource());
    const anonymous = await signIn(user.email, PASSWORD);

    expect([owner.status, anonymous.status]).toEqual([200, 429]);
  });

  it('does not stop a signed-in owner from changing the password', async () => {
    const user = await signedIn(app);
    await failTimes(FAILURES_MAX, user.user.email);

    const change = { currentPassword: PASSWORD, newPassword: 'a new one, and long' };

    expect((await user.post('/v1/auth/change-password', change)).status).toBe(204);
  });

  it('does not lock out a browser in which the owner has signed in, even from the same source', async () => {
    const { user } = await createUser(app);
    const cookie = await deviceCookie(user.email);
    await failTimes(FAILURES_MAX, user.email);

    const known = await signIn(user.email, PASSWORD).set('cookie', cookie);
    const unknown = await signIn(user.email, PASSWORD);

    expect([known.status, unknown.status]).toEqual([200, 429]);
  });

  it('gains nothing from the device cookie of another account', async () => {
    const [{ user }, { user: other }] = [await createUser(app), await createUser(app)];
    const cookie = await deviceCookie(other.email);
    await failTimes(FAILURES_MAX, user.email);

    expect((await signIn(user.email, PASSWORD).set('cookie', cookie)).status).toBe(429);
  });

  it('gets a hundred guesses from many networks together', async () => {
    const { user } = await createUser(app);

    const statuses = [];
    for (const _ of times(102, () => 0)) {
      statuses.push((await signIn(user.email, 'a wrong password', undefined, newSource())).status);
    }

    expect(statuses).toEqual([...times(100, () => 401), 429, 429]);
  });

  it('leaves an audit event when the block starts', async () => {
    const { user } = await createUser(app);

    await failTimes(FAILURES_MAX + 2, user.email);

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

    const statuses = await failTimes(FAILURES_MAX + 1, user.email);
    matches.mockRestore();

    expect(statuses).toEqual(times(FAILURES_MAX + 1, () => 503));
    expect((await signIn(user.email, PASSWORD)).status).toBe(200);
  });
});

describe('a fractional RATE_LIMIT_FACTOR', () => {
  it('rounds the limits', async () => {
    const { user } = await createUser(app);
    const instance = await app.startAnother({ RATE_LIMIT_FACTOR: '0.25' });

    const wrong = await signIn(user.email, 'a wrong password', instance);
    const statuses = await failTimes(3, user.email, instance);

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
    await from().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'New' });
    const token = await app.mailbox.token(email);
    const verify = (password: string) => from().post('/v1/auth/verify-email').send({ token, password });

    const statuses = [];
    for (const _ of times(FAILURES_MAX, () => 0)) statuses.push((await verify('a wrong password')).status);

    expect(statuses).toEqual(times(FAILURES_MAX, () => 401));
    expect((await verify(PASSWORD)).status).toBe(429);
  });
});

let sources = 0;

function newSource(): string {
  sources += 1;
  return `2001:db8:${(sources >> 8).toString(16)}:${(sources & 255).toString(16)}::1`;
}

const from = (instance?: Program, address = source) => ({
  post: (path: string) => app.http(instance).post(path).set('x-forwarded-for', address),
});

const signIn = (email: string, password: string, instance?: Program, address = source) =>
  from(instance, address).post('/v1/auth/login').send({ email, password });

async function failTimes(count: number, email: string, instance?: Program): Promise<number[]> {
  const statuses: number[] = [];
  for (const _ of times(count, () => 0))
    statuses.push((await signIn(email, 'a wrong password', instance)).status);
  return statuses;
}

/** The cookie that identifies a browser after a sign-in. */
async function deviceCookie(email: string): Promise<string> {
  const response = await from()
    .post('/v1/auth/login')
    .send({ email, password: PASSWORD, refreshTokenIn: 'cookie' });
  const cookies = [response.headers['set-cookie']].flat().map(String);
  return cookies.find((cookie) => cookie.startsWith('__Host-device='))!.split(';')[0]!;
}
