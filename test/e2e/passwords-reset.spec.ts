import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PasswordHasher } from '../../src/auth/passwords/password-hasher.service.ts';
import { createUser } from '../factories/user.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, signedIn, visitor } from '../support/client.ts';
import { times, until } from '../support/until.ts';

const NEW = 'a new one, and long';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

describe('POST /v1/auth/reset-password', () => {
  it('sets the password, starts no session, and revokes all sessions', async () => {
    const sessions = await signedIn(app);
    const { email } = sessions.user;
    const elsewhere = await login(app, email, 'correct horse battery');
    const token = await tokenFor(email);

    const answer = await visitor(app).resetPassword(token, NEW);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect((await sessions.get('/v1/users/me')).status).toBe(401);
    for (const { refreshToken } of [sessions, elsewhere])
      expect((await visitor(app).refresh(refreshToken)).status).toBe(401);
    expect((await visitor(app).signIn(email, 'correct horse battery')).status).toBe(401);
    expect((await visitor(app).signIn(email, NEW)).status).toBe(200);
  });

  it('notifies the owner', async () => {
    const { user } = await createUser(app);

    await visitor(app).resetPassword(await tokenFor(user.email), NEW);

    const { subject, content } = await app.mailbox.next(user.email, 2);
    expect(subject).toBe('Your password was changed');
    expect(content).not.toContain('token=');
    expect(content).not.toContain(NEW);
  });

  it('accepts a token once, also for parallel requests on two instances', async () => {
    const other = await app.startAnother();
    const { user } = await createUser(app);
    const token = await tokenFor(user.email);

    const answers = await Promise.all(
      times(20, (index) =>
        app
          .http(index % 2 ? other : undefined)
          .post('/v1/auth/reset-password')
          .send({ token, password: `${NEW} ${index}` }),
      ),
    );

    const winners = times(20, (index) => index).filter((index) => answers[index]?.status === 204);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'TOKEN_INVALID')).toHaveLength(19);
    expect((await visitor(app).signIn(user.email, `${NEW} ${winners[0]}`)).status).toBe(200);
  });

  it('revokes all other links of the account', async () => {
    const { user } = await createUser(app);
    const older = await tokenFor(user.email);
    await ageMails(user.id, '61 seconds');
    // The token is too close to its expiry to be sent again.
    await app.db.query(
      `UPDATE email_tokens SET expires_at = now() + interval '10 minutes' WHERE user_id = $1`,
      [user.id],
    );
    const newer = await tokenFor(user.email, 2);

    const responses = [
      await visitor(app).resetPassword(newer, NEW),
      await visitor(app).resetPassword(newer, NEW),
      await visitor(app).resetPassword(older, NEW),
    ];

    expect(newer).not.toBe(older);
    expect(responses.map(({ status }) => status)).toEqual([204, 400, 400]);
  });

  it('disables the webhook endpoints of the account', async () => {
    const user = await signedIn(app);
    await createEndpoint(user, 'https://receiver.example.com/');

    await visitor(app).resetPassword(await tokenFor(user.user.email), NEW);

    const endpoints = await app.db.query(
      'SELECT enabled, disabled_reason FROM webhook_endpoints WHERE user_id = $1',
      [user.user.id],
    );
    expect(endpoints).toEqual([{ enabled: false, disabled_reason: 'access-reset' }]);
  });

  it('lists the linked identities in a mail', async () => {
    const { user } = await createUser(app);
    await app.db.query(
      `INSERT INTO identities (id, user_id, provider, subject) VALUES (gen_random_uuid(), $1, 'github', $2)`,
      [user.id, randomUUID()],
    );

    await visitor(app).resetPassword(await tokenFor(user.email), NEW);

    const mails = await until(async () => {
      const received = await app.mailbox.to(user.email);
      return received.length === 3 ? received : undefined;
    }, 'three mails');
    const mail = mails.find(({ subject }) => subject === 'Check how your account can be used to sign in');
    expect(mail?.content).toContain('GitHub');
  });

  it('hashes no password for an invalid token', async () => {
    const hasher = app.api.get(PasswordHasher);
    const hash = jest.spyOn(hasher, 'hash');

    await visitor(app).resetPassword('x'.repeat(43), NEW);

    expect(hash).not.toHaveBeenCalled();
    hash.mockRestore();
  });

  it.each([
    ['has expired', `expires_at = now() - interval '1 second'`],
    ['is for verifying an email', `purpose = 'verify-email'`],
    ['is for changing an email', `purpose = 'confirm-email-change'`],
    ['was sent to an email that the account no longer has', `email = 'old@example.com'`],
  ])('rejects a token that %s', async (_name, change) => {
    const { user } = await createUser(app);
    const token = await tokenFor(user.email);
    await app.db.query(`UPDATE email_tokens SET ${change} WHERE user_id = $1`, [user.id]);

    const answer = await visitor(app).resetPassword(token, NEW);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await visitor(app).signIn(user.email, NEW)).status).toBe(401);
  });

  it('rejects other kinds of tokens', async () => {
    const user = await signedIn(app);

    const answers = await Promise.all(
      [user.refreshToken, user.accessToken.slice(0, 200), randomUUID(), '%00', 'x'].map((token) =>
        visitor(app).resetPassword(token, NEW),
      ),
    );

    expect(answers.map(({ body }) => body.code)).toEqual(times(5, () => 'TOKEN_INVALID'));
  });

  it('accepts a token for half an hour', async () => {
    const { user } = await createUser(app);
    await tokenFor(user.email);

    const [{ minutes }] = await app.db.query(
      `SELECT round(extract(epoch FROM expires_at - created_at) / 60) AS minutes FROM email_tokens WHERE user_id = $1`,
      [user.id],
    );

    expect(Number(minutes)).toBe(30);
  });

  it('keeps the token valid if the password is rejected', async () => {
    const email = `marie.curie.${randomUUID().slice(0, 8)}@example.com`;
    await createUser(app, { email });
    const token = await tokenFor(email);

    const common = await visitor(app).resetPassword(token, 'password1234');
    const own = await visitor(app).resetPassword(token, `I am ${email.split('@')[0]}!`);

    expect(common).toMatchObject({
      status: 422,
      body: { details: [{ path: 'password', code: 'TOO_COMMON' }] },
    });
    expect(own).toMatchObject({
      status: 422,
      body: { details: [{ path: 'password', code: 'CONTAINS_EMAIL' }] },
    });
    expect((await visitor(app).resetPassword(token, NEW)).status).toBe(204);
  });

  it('verifies the email, because the token was sent there', async () => {
    const { user } = await createUser(app, { emailVerifiedAt: null });

    await visitor(app).resetPassword(await tokenFor(user.email), NEW);

    expect((await visitor(app).signIn(user.email, NEW)).status).toBe(200);
  });

  it('sets a password for an account that has none', async () => {
    const { user } = await createUser(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.id]);

    await visitor(app).resetPassword(await tokenFor(user.email), NEW);

    expect((await visitor(app).signIn(user.email, NEW)).status).toBe(200);
  });

  it('does not let a suspended user sign in', async () => {
    const { user } = await createUser(app, { status: 'suspended' });

    await visitor(app).resetPassword(await tokenFor(user.email), NEW);

    expect(await visitor(app).signIn(user.email, NEW)).toMatchObject({
      status: 403,
      body: { code: 'ACCOUNT_SUSPENDED' },
    });
  });
});

describe('a sign-in with the old password', () => {
  it('starts no session if the password is reset at the same time', async () => {
    const { user, password } = await createUser(app);
    await visitor(app).signIn(user.email, password);
    const reset = app.db.createQueryRunner();
    await reset.startTransaction();
    await reset.query(`UPDATE users SET password_hash = 'another' WHERE id = $1`, [user.id]);
    const answer = visitor(app)
      .signIn(user.email, password)
      .then((response) => response);

    await Promise.race([answer, until(() => isWaitingForLock(), 'the sign-in to wait for the reset')]);
    await reset.commitTransaction();
    await reset.release();

    expect((await answer).status).toBe(401);
  });
});

async function tokenFor(email: string, count = 1): Promise<string> {
  await visitor(app).forgotPassword(email);
  return app.mailbox.token(email, count);
}

const ageMails = (userId: string, by: string) =>
  app.db.query('UPDATE mails SET created_at = created_at - $2::interval WHERE user_id = $1', [userId, by]);

const isWaitingForLock = async (): Promise<boolean> => {
  const rows = await app.db.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
};
