import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PasswordHasher } from '../../src/auth/passwords/password-hasher.service.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { behindProxy, SignInClient } from '../support/sign-in-client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const FAILURES_MAX = 10;

let app: TestApp;
let other: Program;
/** Has another IP address in each test. */
let client: SignInClient;

beforeAll(async () => {
  app = await TestApp.start({ worker: true, settings: behindProxy });
  other = await app.startAnother();
});

beforeEach(async () => {
  await app.db.query('DELETE FROM sign_in_throttles');
  client = new SignInClient(app);
});

afterAll(() => app.stop());

describe('ten wrong passwords in a row', () => {
  it('block the account for this source for a minute, for the right password too', async () => {
    const { user } = await createUser(app);

    const failures = await client.failTimes(FAILURES_MAX, user.email);
    const blocked = await client.signIn(user.email, PASSWORD);

    expect(failures).toEqual(times(FAILURES_MAX, () => 401));
    expect(blocked).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(retryAfter(blocked)).toBeGreaterThan(50);
    expect(retryAfter(blocked)).toBeLessThanOrEqual(60);
  });

  it('block on every instance', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX / 2, user.email);
    await client.at(other).failTimes(FAILURES_MAX / 2, user.email);

    const answers = [
      await client.signIn(user.email, PASSWORD),
      await client.at(other).signIn(user.email, PASSWORD),
    ];

    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
  });

  it('block no other account', async () => {
    const [{ user }, { user: bystander }] = [await createUser(app), await createUser(app)];

    await client.failTimes(FAILURES_MAX + 1, user.email);

    expect((await client.signIn(bystander.email, PASSWORD)).status).toBe(200);
  });

  it('block an email without an account in the same way', async () => {
    const { user } = await createUser(app);
    const unknown = `${randomUUID()}@example.com`;

    const statuses = await Promise.all(
      [user.email, unknown].map((email) => client.failTimes(FAILURES_MAX + 2, email)),
    );
    const [known, unregistered] = await Promise.all(
      [user.email, unknown].map((email) => client.signIn(email, PASSWORD)),
    );

    expect(statuses[0]).toEqual(statuses[1]);
    expect(withoutIds(known!)).toEqual(withoutIds(unregistered!));
  });

  it('do not affect sessions', async () => {
    const user = await signedIn(app);

    await client.failTimes(FAILURES_MAX + 1, user.user.email);

    expect((await user.get('/v1/users/me')).status).toBe(200);
    const refreshed = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    expect(refreshed.status).toBe(200);
  });

  it('do not prevent a password reset, which ends the block', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX + 1, user.email);

    await client.post('/v1/auth/forgot-password', { email: user.email });
    const token = await app.mailbox.token(user.email);
    const reset = await client.post('/v1/auth/reset-password', { token, password: 'a new one, and long' });

    expect(reset.status).toBe(204);
    expect((await client.signIn(user.email, 'a new one, and long')).status).toBe(200);
  });
});

describe('a block', () => {
  it('doubles each time, up to fifteen minutes', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX, user.email);
    const lengths: number[] = [];

    for (const _ of times(6, () => 0)) {
      lengths.push(await blockedSeconds(user.email));
      await endBlock();
      expect((await client.signIn(user.email, 'a wrong password')).status).toBe(401);
    }

    expect(lengths).toEqual([60, 120, 240, 480, 900, 900]);
  });

  it('is not extended by further attempts', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX, user.email);
    const before = await throttleRow();

    await client.failTimes(5, user.email);

    expect(await throttleRow()).toEqual(before);
  });

  it('is forgotten when the right password follows it', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX, user.email);
    await endBlock();

    const answer = await client.signIn(user.email, PASSWORD);

    expect(answer.status).toBe(200);
    expect(await client.failTimes(FAILURES_MAX, user.email)).toEqual(times(FAILURES_MAX, () => 401));
  });

  it('is forgotten after a day without failures', async () => {
    const { user } = await createUser(app);
    await client.failTimes(FAILURES_MAX, user.email);
    await app.db.query(
      `UPDATE sign_in_throttles SET blocked_until = now() - interval '1 day', updated_at = now() - interval '25 hours'`,
    );

    const statuses = await client.failTimes(FAILURES_MAX + 1, user.email);

    expect(statuses).toEqual([...times(FAILURES_MAX, () => 401), 429]);
  });
});

describe('failures', () => {
  it('count only in a row', async () => {
    const { user } = await createUser(app);

    for (const _ of times(3, () => 0)) {
      await client.failTimes(FAILURES_MAX - 1, user.email);
      expect((await client.signIn(user.email, PASSWORD)).status).toBe(200);
    }
  });

  it('count for the same account regardless of the case of the email', async () => {
    const { user } = await createUser(app);

    await client.failTimes(FAILURES_MAX / 2, user.email.toUpperCase());
    await client.failTimes(FAILURES_MAX / 2, user.email);

    expect((await client.signIn(user.email, PASSWORD)).status).toBe(429);
  });

  it('of a password or email change count too', async () => {
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
    expect((await client.signIn(user.user.email, PASSWORD)).status).toBe(200);
  });

  it.each([
    ['an account', async () => (await createUser(app)).user.email],
    ['an email without account', async () => `${randomUUID()}@example.com`],
  ])(
    'are at most ten of two hundred parallel guesses, and no other password is hashed: %s',
    async (_name, make) => {
      const email = await make();
      const hashes = countHashes();

      const answers = await Promise.all(
        times(200, (index) => client.signIn(email, `a wrong password ${index}`)),
      );

      const counts = Object.groupBy(answers, ({ status }) => status);
      expect([counts[401]?.length, counts[429]?.length]).toEqual([FAILURES_MAX, 200 - FAILURES_MAX]);
      expect(hashes()).toBeLessThanOrEqual(FAILURES_MAX);
    },
  );

  it('are at most ten of two hundred parallel guesses on two instances', async () => {
    const { user } = await createUser(app);

    const answers = await Promise.all(
      times(200, (index) =>
        (index % 2 ? client.at(other) : client).signIn(user.email, `a wrong password ${index}`),
      ),
    );

    expect(answers.filter(({ status }) => status === 401)).toHaveLength(FAILURES_MAX);
  });

  it('are stored without the email', async () => {
    const email = `${randomUUID()}@example.com`;

    await client.signIn(email, 'a wrong password');

    expect(JSON.stringify(await throttleRow())).not.toContain(email);
  });
});

const retryAfter = ({ headers }: { headers: Record<string, string> }): number =>
  Number(headers['retry-after']);

const withoutIds = ({ status, body }: { status: number; body: Record<string, unknown> }) => ({
  status,
  ...body,
  // A second may pass between two requests.
  detail: String(body['detail']).replace(/\d+ seconds/, 'N seconds'),
  correlationId: '',
});

/** Uses the database clock. */
async function blockedSeconds(email: string): Promise<number> {
  expect((await client.signIn(email, PASSWORD)).status).toBe(429);
  const { seconds } = await throttleRow();
  return seconds;
}

const throttleRow = async () =>
  (
    await app.db.query(
      `SELECT *, round(extract(epoch FROM blocked_until - updated_at))::int AS seconds
       FROM sign_in_throttles ORDER BY blocked_until DESC NULLS LAST, updated_at DESC LIMIT 1`,
    )
  )[0];

const endBlock = () =>
  app.db.query(`UPDATE sign_in_throttles SET blocked_until = now() - interval '1 second'`);

/** Starts counting the passwords that this instance checks. */
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
