import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';
import { KeyRing } from '../../src/auth/keys/key-ring.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { userErase } from '../../src/users/users.jobs.ts';
import { createJob, enqueue, jobRow } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn, visitor } from '../support/client.ts';
import { storedText } from '../support/stored-text.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const TEN_MINUTES = 600;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  await createUser(app, { role: 'admin' });
});

afterAll(() => app.stop());

describe('DELETE /v1/users/me', () => {
  it('deletes the account and revokes its sessions at once', async () => {
    const user = await signedIn(app);

    const answer = await user.delete('/v1/users/me');

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await user.get('/v1/users/me')).status).toBe(401);
    expect((await refresh(user)).status).toBe(401);
    expect(await visitor(app).signIn(user.user.email)).toMatchObject({
      status: 401,
      body: { code: 'INVALID_CREDENTIALS' },
    });
  });

  it('removes the name, the email and all email links from the account', async () => {
    const user = await signedIn(app, { displayName: 'Named Person' });
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const token = await app.mailbox.token(user.user.email);

    await user.delete('/v1/users/me');

    const [row] = await app.db.query('SELECT * FROM users WHERE id = $1', [user.user.id]);
    expect(JSON.stringify(row)).not.toMatch(new RegExp(`Named Person|${user.user.email}|argon2`));
    const reset = await app
      .http()
      .post('/v1/auth/reset-password')
      .send({ token, password: 'a new one, and long' });
    expect(reset).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('leaves no copy of the email after the job, and changes no other account', async () => {
    const [user, bystander] = [await signedIn(app), await signedIn(app)];
    const newEmail = `${randomUUID()}@example.com`;
    await user.post('/v1/users/me/email', { newEmail, password: PASSWORD });
    await app.mailbox.next(newEmail);
    await user.post('/v1/jobs', { type: 'user-export', input: {} });
    await visitor(app).signIn(user.user.email, 'a wrong password');
    expect(await storedText(app.db)).toContain(user.user.email);

    await user.delete('/v1/users/me');
    // The job itself waits until all access tokens of the account have expired.
    await enqueue(app, userErase, { userId: user.user.id });
    await until(
      async () => (await app.db.query('SELECT 1 FROM users WHERE id = $1', [user.user.id])).length === 0,
      'the rest of the account to be erased',
    );

    const stored = await storedText(app.db);
    expect(stored).not.toContain(user.user.email);
    expect(stored).not.toContain(newEmail);
    expect(await app.db.query('SELECT 1 FROM jobs WHERE user_id = $1', [user.user.id])).toEqual([]);
    expect((await bystander.get('/v1/users/me')).status).toBe(200);
  });

  it('frees the email for a new account that sees no data of the old one', async () => {
    const user = await signedIn(app);
    const { email } = user.user;
    await user.delete('/v1/users/me');

    await app
      .http()
      .post('/v1/auth/register')
      .send({ email, password: 'another password', displayName: 'New' });
    await app
      .http()
      .post('/v1/auth/verify-email')
      .send({ token: await app.mailbox.token(email), password: 'another password' });
    const { accessToken } = await login(app, email, 'another password');

    expect(decodeJwt(accessToken).sub).not.toBe(user.user.id);
    expect((await visitor(app).signIn(email)).status).toBe(401);
    expect((await user.get('/v1/users/me')).status).toBe(401);
    expect((await refresh(user)).status).toBe(401);
  });

  it('succeeds if an account has registered the placeholder email', async () => {
    const user = await signedIn(app);
    const email = `${user.user.id}@deleted.invalid`;
    await app.http().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'Squatter' });

    const answer = await user.delete('/v1/users/me');

    expect(answer.status).toBe(204);
  });

  it('makes the placeholder email useless for registration', async () => {
    const user = await signedIn(app);
    await user.delete('/v1/users/me');
    const email = `${user.user.id}@deleted.invalid`;

    const answers = await Promise.all([
      app.http().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'New' }),
      app.http().post('/v1/auth/forgot-password').send({ email }),
      app.http().post('/v1/auth/verify-email/resend').send({ email }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  });

  it('needs a sign-in within the last ten minutes', async () => {
    const user = await signedIn(app);

    const old = await signedInSince(user, TEN_MINUTES + 1).delete('/v1/users/me');
    const recent = await signedInSince(user, TEN_MINUTES - 30).delete('/v1/users/me');

    expect(old).toMatchObject({ status: 403, body: { code: 'RECENT_SIGN_IN_REQUIRED' } });
    expect(recent.status).toBe(204);
  });

  it('does not wait for a lock on an administrator', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const user = await signedIn(app);
    const other = app.db.createQueryRunner();
    await other.startTransaction();
    await other.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [admin.user.id]);

    const response = await user.delete('/v1/users/me');

    await other.rollbackTransaction();
    await other.release();
    expect(response.status).toBe(204);
  });

  it('deletes the account once for parallel requests', async () => {
    const user = await signedIn(app);

    const answers = await Promise.all(times(5, () => user.delete('/v1/users/me')));

    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.every((status) => [204, 401, 404].includes(status))).toBe(true);
    const events = await app.db.query(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'account-deleted'`,
      [user.user.id],
    );
    expect(events).toHaveLength(1);
  });

  it('cancels the jobs of the account', async () => {
    const user = await signedIn(app);
    await app.db.query(
      `INSERT INTO jobs (id, type, user_id, input, correlation_id, available_at)
       VALUES (gen_random_uuid(), 'user-export', $1, '{}', 'x', now() + interval '1 hour')`,
      [user.user.id],
    );

    await user.delete('/v1/users/me');

    const [job] = await app.db.query('SELECT status FROM jobs WHERE user_id = $1', [user.user.id]);
    expect(job).toEqual({ status: 'cancelled' });
  });
});

describe('the user-erase job', () => {
  it('waits until all access tokens have expired, because revocation needs the session rows', async () => {
    const user = await signedIn(app);

    await user.delete('/v1/users/me');

    const [{ seconds }] = await app.db.query(
      `SELECT extract(epoch FROM available_at - created_at)::int AS seconds FROM jobs
       WHERE type = 'user-erase' AND input->>'userId' = $1`,
      [user.user.id],
    );
    expect(seconds).toBeGreaterThan(app.config.ACCESS_TOKEN_SECONDS + 60);
  });

  it('does not run early if an administrator promotes it in the queue', async () => {
    const user = await signedIn(app);
    await user.delete('/v1/users/me');
    const { id, availableAt } = await createJob(app, {
      type: userErase.type,
      input: { userId: user.user.id },
      availableAt: new Date(Date.now() + 50_000),
    });
    const queue = app.api.get(QueueBackend).queue(userErase.type);
    const inQueue = await until(() => queue.getJob(id), 'the sweep to hand the job over');

    await inQueue.promote();

    const tried = async () => {
      const job = await jobRow(app, id);
      return job.startedAt && job.status === 'queued' && job;
    };
    expect(await until(tried, 'the early run')).toMatchObject({ attempts: 0, availableAt });
    expect(await app.db.query('SELECT 1 FROM users WHERE id = $1', [user.user.id])).toHaveLength(1);
  });

  it('is still retried after twenty failures', async () => {
    const user = await signedIn(app);
    await user.delete('/v1/users/me');
    await app.db.query(
      `CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$`,
    );
    await app.db.query(`CREATE TRIGGER reject BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION reject()`);

    const { id } = await createJob(app, {
      type: userErase.type,
      input: { userId: user.user.id },
      attempts: 20,
    });

    const ranAgain = async () => {
      const job = await jobRow(app, id);
      return job.attempts === 21 && job.status !== 'active' && job;
    };
    expect((await until(ranAgain, 'another run')).status).toBe('queued');
    await app.db.query(`DROP TRIGGER reject ON users`);
  });
});

describe('a deleted account', () => {
  it('is not found by administrators either', async () => {
    const [user, admin] = [await signedIn(app), await signedIn(app, { role: 'admin' })];
    await user.delete('/v1/users/me');

    const answers = await Promise.all([
      admin.get(`/v1/users/${user.user.id}`),
      admin.patch(`/v1/users/${user.user.id}`, { role: 'admin' }),
    ]);
    const { body } = await admin.get('/v1/users?limit=100');

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    expect(JSON.stringify(body)).not.toContain(user.user.id);
  });
});

describe('the last administrator', () => {
  it('can’t delete their own account, nor can the last two in parallel', async () => {
    const alone = await TestApp.start();
    try {
      const admins = [await signedIn(alone, { role: 'admin' }), await signedIn(alone, { role: 'admin' })];

      const answers = await Promise.all(admins.map((admin) => admin.delete('/v1/users/me')));

      const left = answers.findIndex(({ status }) => status === 409);
      expect(answers[1 - left]?.status).toBe(204);
      expect(answers[left]).toMatchObject({ status: 409, body: { code: 'LAST_ADMIN' } });
      expect((await admins[left]!.get('/v1/users/me')).status).toBe(200);
    } finally {
      await alone.stop();
    }
  });
});

const refresh = ({ refreshToken }: SignedIn) => app.http().post('/v1/auth/refresh').send({ refreshToken });

/** The same user with an access token of a sign-in that was this many seconds ago. */
function signedInSince(user: SignedIn, seconds: number) {
  const { kid, privateKey } = app.api.get(KeyRing).active;
  const claims = decodeJwt(user.accessToken);
  const token = new SignJWT({ ...claims, auth_time: Number(claims['iat']) - seconds })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid })
    .sign(privateKey);
  return {
    delete: async (path: string) =>
      app
        .http()
        .delete(path)
        .set('authorization', `Bearer ${await token}`),
  };
}
