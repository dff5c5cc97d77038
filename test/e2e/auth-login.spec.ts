import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'correct horse battery';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('POST /v1/auth/login', () => {
  it('returns a token pair and nothing else', async () => {
    const { user } = await createUser(app);

    const answer = await visitor(app).signIn(user.email);

    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
    expect(answer.body).toEqual({
      data: {
        accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        refreshToken: expect.stringMatching(/^[\w-]{43,}$/),
        tokenType: 'Bearer',
        expiresIn: 600,
      },
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('accepts the email in any case', async () => {
    const { user } = await createUser(app);

    const answer = await visitor(app).signIn(user.email.toUpperCase());

    expect(answer.status).toBe(200);
  });

  it('responds the same to a wrong password, an unknown email and an account without a password', async () => {
    const { user } = await createUser(app);
    const { user: imported } = await createUser(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [imported.id]);

    const answers = await Promise.all([
      visitor(app).signIn(user.email, 'not the password'),
      visitor(app).signIn('unknown@example.com'),
      visitor(app).signIn(imported.email),
    ]);

    for (const { status, headers, body } of answers) {
      expect({ status, body }).toEqual({
        status: 401,
        body: { ...answers[0].body, code: 'INVALID_CREDENTIALS', correlationId: expect.any(String) },
      });
      expect(headers['www-authenticate']).toBe('Bearer');
      expect(Object.keys(headers).toSorted()).toEqual(Object.keys(answers[0].headers).toSorted());
    }
  });

  it('takes as long for an unknown email as for a wrong password', async () => {
    const email = 'registered@example.com';
    await app.http().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'Registered' });
    const took = { unknown: [] as number[], wrong: [] as number[] };

    for (const round of times(12, (index) => index)) {
      took.unknown.push(await timeOf(() => visitor(app).signIn(`unknown-${round}@example.com`)));
      took.wrong.push(await timeOf(() => visitor(app).signIn(email, `wrong password ${round}`)));
    }

    // Without the password hash, the response would take a tenth of the time.
    const ratio = median(took.unknown) / median(took.wrong);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  it.each([
    ['unverified', { emailVerifiedAt: null }, 'EMAIL_NOT_VERIFIED'],
    ['suspended', { status: 'suspended' }, 'ACCOUNT_SUSPENDED'],
  ] as const)('reports an account as %s only with the right password', async (_name, state, code) => {
    const { user } = await createUser(app, state);

    const [right, wrong] = await Promise.all([
      visitor(app).signIn(user.email),
      visitor(app).signIn(user.email, 'not the password'),
    ]);

    expect(right).toMatchObject({ status: 403, body: { code } });
    expect(wrong).toMatchObject({ status: 401, body: { code: 'INVALID_CREDENTIALS' } });
    expect(await sessionsOf(user.id)).toEqual([]);
  });

  it('starts a new session each time and stores its source', async () => {
    const { user } = await createUser(app);

    await Promise.all(
      times(2, () =>
        visitor(app)
          .signIn(user.email)
          .set('user-agent', `Agent ${'x'.repeat(1_000)}`),
      ),
    );

    const sessions = await sessionsOf(user.id);
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(2);
    expect(sessions[0]).toMatchObject({
      user_agent: expect.stringMatching(/^Agent x{390,}$/),
      ip_address: expect.stringMatching(/127\.0\.0\.1$/),
      rotation_counter: 0,
      revoked_at: null,
    });
    expect(sessions[0].user_agent.length).toBeLessThan(500);
  });

  it('ignores X-Forwarded-For from an untrusted source', async () => {
    const { user } = await createUser(app);

    await visitor(app)
      .signIn(user.email)
      .set('x-forwarded-for', '203.0.113.7')
      .set('forwarded', 'for=203.0.113.7');

    const [session] = await sessionsOf(user.id);
    expect(session.ip_address).toMatch(/127\.0\.0\.1$/);
  });

  it('works with an expired access token in the request', async () => {
    const { user } = await createUser(app);

    const answer = await visitor(app).signIn(user.email).set('authorization', 'Bearer expired');

    expect(answer.status).toBe(200);
  });
});

const sessionsOf = (userId: string) =>
  app.db.query<any[]>('SELECT * FROM sessions WHERE user_id = $1', [userId]);

async function timeOf(work: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
