import { createUser } from '../factories/user.factory.ts';
import { PasswordHasher } from '../../src/auth/passwords/password-hasher.service.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times } from '../support/until.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';

const PASSWORD = 'correct horse battery';
const FAILURES_MAX = 10;

let app: TestApp;
let other: Program;

beforeAll(async () => {
  // The limit by address would come first: it is told apart by a proxy that every request names anew.
  app = await TestApp.start({ worker: true, settings: { RATE_LIMIT_FACTOR: '1', TRUST_PROXY: '127.0.0.1' } });
  other = await app.startAnother();
});

afterAll(() => app.stop());

describe('ten wrong passwords in a row', () => {
  it('block the account for a minute, for the right password too', async () => {
    const { user } = await createUser(app);

    const failures = await failTimes(FAILURES_MAX, user.email);
    const blocked = await signIn(user.email, PASSWORD);

    expect(failures).toEqual(times(FAILURES_MAX, () => 401));
    expect(blocked).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(retryAfter(blocked)).toBeGreaterThan(50);
    expect(retryAfter(blocked)).toBeLessThanOrEqual(60);
  });

  it('block it on every instance', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX / 2, user.email);
    await failTimes(FAILURES_MAX / 2, user.email, other);

    const answers = [await signIn(user.email, PASSWORD), await signIn(user.email, PASSWORD, other)];

    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
  });

  it('block no other account', async () => {
    const [{ user }, { user: bystander }] = [await createUser(app), await createUser(app)];

    await failTimes(FAILURES_MAX + 1, user.email);

    expect((await signIn(bystander.email, PASSWORD)).status).toBe(200);
  });

  it('block an address without an account in the same way', async () => {
    const { user } = await createUser(app);
    const unknown = `${randomUUID()}@example.com`;

    const statuses = await Promise.all(
      [user.email, unknown].map((email) => failTimes(FAILURES_MAX + 2, email)),
    );
    const [known, stranger] = await Promise.all(
      [user.email, unknown].map((email) => signIn(email, PASSWORD)),
    );

    expect(statuses[0]).toEqual(statuses[1]);
    expect(withoutIds(known!)).toEqual(withoutIds(stranger!));
  });

  it('leave those who are signed in alone', async () => {
    const user = await signedIn(app);

    await failTimes(FAILURES_MAX + 1, user.user.email);

    expect((await user.get('/v1/users/me')).status).toBe(200);
    const refreshed = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    expect(refreshed.status).toBe(200);
  });

  it('leave the owner the way back by mail, which ends the block', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX + 1, user.email);

    await from().post('/v1/auth/forgot-password').send({ email: user.email });
    const token = await app.mailbox.token(user.email);
    const reset = await from()
      .post('/v1/auth/reset-password')
      .send({ token, password: 'a new one, and long' });

    expect(reset.status).toBe(204);
    expect((await signIn(user.email, 'a new one, and long')).status).toBe(200);
  });
});

describe('a block', () => {
  it('is twice as long each time, up to a quarter of an hour', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX, user.email);
    const lengths: number[] = [];

    for (const _ of times(6, () => 0)) {
      lengths.push(await blockedSeconds(user.email));
      await endBlock();
      expect((await signIn(user.email, 'a wrong password')).status).toBe(401);
    }

    expect(lengths).toEqual([60, 120, 240, 480, 900, 900]);
  });

  it('is not made longer by trying', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX, user.email);
    const before = await throttleRow();

    await failTimes(5, user.email);

    expect(await throttleRow()).toEqual(before);
  });

  it('that is over lets the right password in, and is forgotten with it', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX, user.email);
    await endBlock();

    const answer = await signIn(user.email, PASSWORD);

    expect(answer.status).toBe(200);
    expect(await failTimes(FAILURES_MAX, user.email)).toEqual(times(FAILURES_MAX, () => 401));
  });

  it('begins anew after a day without failures', async () => {
    const { user } = await createUser(app);
    await failTimes(FAILURES_MAX, user.email);
    await app.db.query(
      `UPDATE sign_in_throttles SET blocked_until = now() - interval '1 day', updated_at = now() - interval '25 hours'`,
    );

    const statuses = await failTimes(FAILURES_MAX + 1, user.email);

    expect(statuses).toEqual([...times(FAILURES_MAX, () => 401), 429]);
  });
});

describe('failures', () => {
  it('count in a row only', async () => {
    const { user } = await createUser(app);

    for (const _ of times(3, () => 0)) {
      await failTimes(FAILURES_MAX - 1, user.email);
      expect((await signIn(user.email, PASSWORD)).status).toBe(200);
    }
  });

  it('count as one account however the address is written', async () => {
    const { user } = await createUser(app);

    await failTimes(FAILURES_MAX / 2, user.email.toUpperCase());
    await failTimes(FAILURES_MAX / 2, user.email);

    expect((await signIn(user.email, PASSWORD)).status).toBe(429);
  });

  it('of a change of password or address count too', async () => {
    const user = await signedIn(app);
    const change = { currentPassword: 'a wrong password', newPassword: 'a new one, and long' };
    const email = { newEmail: `${randomUUID()}@example.com`, password: 'a wrong password' };

    const wrong = [];
    for (const _ of times(FAILURES_MAX / 2, () => 0)) {
      wrong.push((await user.post('/v1/auth/change-password', change)).body.code);
      wrong.push((await user.post('/v1/users/me/email', email)).body.code);
    }
    const blocked = await user.post('/v1/auth/change-password', { ...change, currentPassword: PASSWORD });

    expect(wrong).toEqual(times(FAILURES_MAX, () => 'WRONG_PASSWORD'));
    expect(blocked).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect((await signIn(user.user.email, PASSWORD)).status).toBe(429);
  });

  it.each([
    ['an account', async () => (await createUser(app)).user.email],
    ['an address without one', async () => `${randomUUID()}@example.com`],
  ])('of two hundred guesses at once are ten, the others never reach the hash: %s', async (_name, make) => {
    const email = await make();
    const hashes = countHashes();

    const answers = await Promise.all(times(200, (index) => signIn(email, `a wrong password ${index}`)));

    const counts = Object.groupBy(answers, ({ status }) => status);
    expect([counts[401]?.length, counts[429]?.length]).toEqual([FAILURES_MAX, 200 - FAILURES_MAX]);
    expect(hashes()).toBeLessThanOrEqual(FAILURES_MAX);
  });

  it('of two hundred guesses at once on two instances are ten', async () => {
    const { user } = await createUser(app);

    const answers = await Promise.all(
      times(200, (index) => signIn(user.email, `a wrong password ${index}`, index % 2 ? other : undefined)),
    );

    expect(answers.filter(({ status }) => status === 401)).toHaveLength(FAILURES_MAX);
  });

  it('leave no address behind', async () => {
    await app.db.query('DELETE FROM sign_in_throttles');
    const email = `${randomUUID()}@example.com`;

    await signIn(email, 'a wrong password');

    expect(JSON.stringify(await throttleRow())).not.toContain(email);
  });
});

let proxied = 0;

/** From an address of its own each time, as of guesses that come from everywhere. */
function from(instance?: Program) {
  proxied += 1;
  const address = `2001:db8:${(proxied >> 8).toString(16)}:${(proxied & 255).toString(16)}::1`;
  return { post: (path: string) => app.http(instance).post(path).set('x-forwarded-for', address) };
}

const signIn = (email: string, password: string, instance?: Program) =>
  from(instance).post('/v1/auth/login').send({ email, password });

async function failTimes(count: number, email: string, instance?: Program): Promise<number[]> {
  const statuses: number[] = [];
  for (const _ of times(count, () => 0))
    statuses.push((await signIn(email, 'a wrong password', instance)).status);
  return statuses;
}

const retryAfter = ({ headers }: { headers: Record<string, string> }): number =>
  Number(headers['retry-after']);

const withoutIds = ({ status, body }: { status: number; body: Record<string, unknown> }) => ({
  status,
  ...body,
  correlationId: '',
});

/** As the block was set: the clock of the test plays no part. */
async function blockedSeconds(email: string): Promise<number> {
  expect((await signIn(email, PASSWORD)).status).toBe(429);
  const { seconds } = await throttleRow();
  return seconds;
}

const throttleRow = async () =>
  (
    await app.db.query(
      `SELECT *, round(extract(epoch FROM blocked_until - updated_at))::int AS seconds
       FROM sign_in_throttles ORDER BY updated_at DESC LIMIT 1`,
    )
  )[0];

const endBlock = () =>
  app.db.query(`UPDATE sign_in_throttles SET blocked_until = now() - interval '1 second'`);

/** How many passwords the hasher of this instance has looked at since. */
function countHashes(): () => number {
  const hasher = app.api.get(PasswordHasher);
  let count = 0;
  const matches = hasher.matches.bind(hasher);
  hasher.matches = (...given) => {
    count += 1;
    return matches(...given);
  };
  return () => {
    hasher.matches = matches;
    return count;
  };
}
