import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { untilJobsFinished } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import { times } from '../support/until.ts';

const PASSWORD = 'a long enough password';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({
    worker: true,
    settings: { FRONTEND_URL: 'https://app.example.com' },
  });
});

afterAll(() => app.stop());

describe('POST /v1/auth/verify-email', () => {
  it('verifies the email and signs in', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const before = await login(email);

    const response = await visitor(app).verifyEmail(await app.mailbox.token(email));

    expect(before).toMatchObject({ status: 403, body: { code: 'EMAIL_NOT_VERIFIED' } });
    expect(response).toMatchObject({ status: 200, body: { data: { tokenType: 'Bearer' } } });
    const me = await app
      .http()
      .get('/v1/users/me')
      .set('authorization', `Bearer ${response.body.data.accessToken}`);
    expect(me.body.data).toMatchObject({ email, emailVerified: true });
    expect((await login(email)).status).toBe(200);
  });

  it('sends the refresh token in a cookie on request', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);

    const response = await app
      .http()
      .post('/v1/auth/verify-email')
      .send({ token, password: PASSWORD, refreshTokenIn: 'cookie' });

    expect(response.body.data.refreshToken).toBeUndefined();
    expect(String(response.headers['set-cookie'])).toContain('__Host-refresh=');
  });

  it('rejects a wrong password and leaves the token valid', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);

    const wrong = await visitor(app).verifyEmail(token, 'not the password at all');

    expect(wrong).toMatchObject({ status: 401, body: { code: 'INVALID_CREDENTIALS' } });
    expect((await login(email)).body.code).toBe('EMAIL_NOT_VERIFIED');
    expect((await visitor(app).verifyEmail(token)).status).toBe(200);
  });

  it('succeeds when the same link is used again, also in parallel', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);

    const responses = await Promise.all(times(10, () => visitor(app).verifyEmail(token)));

    expect(responses.map(({ status }) => status)).toEqual(times(10, () => 200));
    expect((await visitor(app).verifyEmail(token)).status).toBe(200);
    expect((await visitor(app).verifyEmail(token, 'not the password at all')).status).toBe(401);
    const events = await app.db.query(
      `SELECT 1 FROM audit_events JOIN users ON users.id = user_id WHERE email = $1 AND type = 'email-verified'`,
      [email],
    );
    expect(events).toHaveLength(1);
  });

  it('rejects a used link once the password was changed', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);
    const { accessToken } = (await visitor(app).verifyEmail(token)).body.data;
    await app
      .http()
      .post('/v1/auth/change-password')
      .set('authorization', `Bearer ${accessToken}`)
      .send({ currentPassword: PASSWORD, newPassword: 'another good password' });

    expect((await visitor(app).verifyEmail(token)).status).toBe(401);
  });

  it.each([
    ['has expired', `expires_at = now() - interval '1 second'`],
    ['is for another purpose', `purpose = 'reset-password'`],
    ['was sent to an email that the account no longer has', `email = 'old@example.com'`],
  ])('rejects a token that %s', async (_name, change) => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);
    await app.db.query(`UPDATE email_tokens SET ${change} WHERE email = $1`, [email]);

    const response = await visitor(app).verifyEmail(token);

    expect(response).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await login(email)).body.code).toBe('EMAIL_NOT_VERIFIED');
  });

  it('accepts a token for one day', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    await app.mailbox.next(email);

    const [{ hours }] = await app.db.query(
      `SELECT round(extract(epoch FROM expires_at - created_at) / 3600) AS hours FROM email_tokens WHERE email = $1`,
      [email],
    );

    expect(Number(hours)).toBe(24);
  });

  it('starts no session for a suspended account', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const token = await app.mailbox.token(email);
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE email = $1`, [email]);

    expect(await visitor(app).verifyEmail(token)).toMatchObject({
      status: 403,
      body: { code: 'ACCOUNT_SUSPENDED' },
    });
  });
});

// Account pre-hijacking: Sudhodanan and Paverd, USENIX Security 2022.
describe('an email that another person has registered', () => {
  const ATTACKERS = 'what an attacker chose';
  const OWNERS = 'what the owner chose';

  it.each([
    ['before its owner', ATTACKERS, OWNERS],
    ['after its owner', OWNERS, ATTACKERS],
  ])('gets only the password that is entered with its own link: %s', async (_when, first, second) => {
    const email = newEmail();
    await visitor(app).register(email, { password: first, displayName: first });
    const firstToken = await app.mailbox.token(email);
    await ageMails(email, '61 seconds');
    await visitor(app).register(email, { password: second, displayName: second });
    const secondToken = await app.mailbox.token(email, 2);
    const [own, other] = first === OWNERS ? [firstToken, secondToken] : [secondToken, firstToken];

    expect(await visitor(app).verifyEmail(other, OWNERS)).toMatchObject({
      status: 401,
      body: { code: 'INVALID_CREDENTIALS' },
    });
    const response = await visitor(app).verifyEmail(own, OWNERS);

    expect(response.status).toBe(200);
    const [user] = await app.db.query('SELECT display_name FROM users WHERE email = $1', [email]);
    expect(user.display_name).toBe(OWNERS);
    expect((await login(email, ATTACKERS)).status).toBe(401);
    expect((await login(email, OWNERS)).status).toBe(200);
    expect(await visitor(app).verifyEmail(other, ATTACKERS)).toMatchObject({
      status: 400,
      body: { code: 'TOKEN_INVALID' },
    });
  });

  it('returns to its owner with a password reset, which revokes the links of all registrations', async () => {
    const email = newEmail();
    await visitor(app).register(email, { password: ATTACKERS });
    const token = await app.mailbox.token(email);
    await app.http().post('/v1/auth/forgot-password').send({ email });
    const reset = { token: await app.mailbox.token(email, 2), password: OWNERS };

    expect((await app.http().post('/v1/auth/reset-password').send(reset)).status).toBe(204);

    expect((await visitor(app).verifyEmail(token, ATTACKERS)).status).toBe(400);
    expect((await login(email, ATTACKERS)).status).toBe(401);
    expect((await login(email, OWNERS)).status).toBe(200);
  });
});

describe('POST /v1/auth/verify-email/resend', () => {
  it('responds the same for an unknown, an unverified and a verified email', async () => {
    const [unverified, unknown, { user }] = [newEmail(), newEmail(), await createUser(app)];
    await visitor(app).register(unverified);

    const responses = await Promise.all(
      [unverified, unknown, user.email].map((email) => visitor(app).resendVerification(email)),
    );

    expect(responses.map(({ status, text }) => `${status} ${text}`)).toEqual(
      times(3, () => '202 {"data":{"status":"accepted"}}'),
    );
  });

  it('does the same work during the request for every email', async () => {
    const [unknown, { user }] = [newEmail(), await createUser(app)];
    const jobsBefore = await accountLinkJobs();

    await visitor(app).resendVerification(unknown);
    await visitor(app).resendVerification(user.email);

    expect(await accountLinkJobs()).toBe(jobsBefore + 2);
  });

  it('sends the same link again', async () => {
    const email = newEmail();
    await visitor(app).register(email);
    const first = await app.mailbox.token(email);
    await ageMails(email, '61 seconds');

    await visitor(app).resendVerification(email);

    expect(await app.mailbox.token(email, 2)).toBe(first);
    expect((await visitor(app).verifyEmail(first)).status).toBe(200);
  });

  it('sends nothing to a verified email or an imported account', async () => {
    const { user: verified } = await createUser(app);
    const { user: imported } = await createUser(app, { emailVerifiedAt: null });
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [imported.id]);

    await Promise.all([verified, imported].map(({ email }) => visitor(app).resendVerification(email)));
    await untilJobsFinished(app);

    expect(await mailsTo(verified.email)).toEqual([]);
    expect(await mailsTo(imported.email)).toEqual([]);
  });
});

const newEmail = () => `new-${randomUUID()}@example.com`;

const login = (email: string, password = PASSWORD) =>
  app.http().post('/v1/auth/login').send({ email, password });

/** The templates of all mails to this email. */
async function mailsTo(email: string): Promise<string[]> {
  const rows = await app.db.query<{ template: string }[]>('SELECT template FROM mails WHERE recipient = $1', [
    email,
  ]);
  return rows.map(({ template }) => template);
}

const ageMails = (email: string, by: string) =>
  app.db.query('UPDATE mails SET created_at = created_at - $2::interval WHERE recipient = $1', [email, by]);

const accountLinkJobs = async (): Promise<number> => {
  const [{ count }] = await app.db.query(
    `SELECT count(*)::int AS count FROM jobs WHERE type = 'account-link-send'`,
  );
  return count;
};
