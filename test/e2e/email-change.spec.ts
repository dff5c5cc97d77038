import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn, visitor } from '../support/client.ts';
import { storedText } from '../support/stored-text.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'correct horse battery';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

describe('POST /v1/users/me/email', () => {
  it('keeps the old email for signing in until the new one is confirmed', async () => {
    const user = await signedIn(app);
    const newEmail = makeEmail();

    const answer = await ask(user, newEmail);

    expect([answer.status, answer.body]).toEqual([202, { data: { status: 'accepted' } }]);
    await app.mailbox.next(newEmail);
    expect((await visitor(app).signIn(newEmail)).status).toBe(401);
    expect((await visitor(app).signIn(user.user.email)).status).toBe(200);
    expect((await user.get('/v1/users/me')).body.data.email).toBe(user.user.email);
  });

  it('sends the link to the new email only, and stores only a hash of its token', async () => {
    const user = await signedIn(app);
    const newEmail = makeEmail();

    await ask(user, newEmail).set('host', 'evil.example').set('x-forwarded-host', 'evil.example');

    const { content } = await app.mailbox.next(newEmail);
    const token = await app.mailbox.token(newEmail);
    expect(content).toContain(`${app.config.FRONTEND_URL}/confirm-email-change?token=`);
    expect(content).not.toContain('evil.example');
    expect(await app.mailbox.to(user.user.email)).toEqual([]);
    expect(await storedText(app.db)).not.toContain(token);
  });

  it.each([
    ['a wrong password', { password: 'a wrong password' }],
    ['no password', {}],
  ])('rejects a request with %s', async (_name, body) => {
    const user = await signedIn(app);

    const answer = await user.post('/v1/users/me/email', { newEmail: makeEmail(), ...body });

    expect(answer).toMatchObject({ status: 403, body: { code: 'WRONG_PASSWORD' } });
    expect(await mailsOf(user)).toEqual([]);
  });

  it('needs a recent sign-in instead if the account has no password', async () => {
    const user = await signedIn(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.user.id]);
    const newEmail = makeEmail();
    const before = await user.post('/v1/users/me/email', { newEmail });
    await app.db.query(`UPDATE sessions SET created_at = now() - interval '11 minutes' WHERE user_id = $1`, [
      user.user.id,
    ]);
    const { body } = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    const later = new SignedIn(app, user.user, body.data.accessToken, body.data.refreshToken);

    const answer = await later.post('/v1/users/me/email', { newEmail: makeEmail() });

    expect(before.status).toBe(202);
    expect(answer).toMatchObject({ status: 403, body: { code: 'RECENT_SIGN_IN_REQUIRED' } });
  });

  it('responds the same for an email that is taken, and notifies only its owner', async () => {
    const [user, { user: owner }] = [await signedIn(app), await createUser(app)];

    const free = await ask(user, makeEmail());
    const taken = await ask(await signedIn(app), owner.email);

    expect([taken.status, taken.text]).toEqual([free.status, free.text]);
    const { subject, content } = await app.mailbox.next(owner.email);
    expect(subject).toBe('You already have an account');
    expect(content).not.toContain('token=');
    expect(content).not.toContain(user.user.email);
  });

  it('sends nothing for the current email of the account', async () => {
    const user = await signedIn(app);

    const answer = await ask(user, user.user.email.toUpperCase());

    expect(answer.status).toBe(202);
    expect(await mailsOf(user)).toEqual([]);
  });

  it('sends at most one mail per minute and five per hour, also for parallel requests', async () => {
    const user = await signedIn(app);

    await Promise.all(times(8, () => ask(user, makeEmail())));
    expect(await mailsOf(user)).toHaveLength(1);

    for (const mails of [2, 3, 4, 5, 5]) {
      // A new link replaces an earlier mail that was not sent yet.
      await until(() => isAllSent(user), 'the mails to be sent');
      await ageMails(user);
      await ask(user, makeEmail());
      expect(await mailsOf(user)).toHaveLength(mails);
    }
  });
});

describe('POST /v1/auth/confirm-email-change', () => {
  it('changes the email and notifies the old one', async () => {
    const user = await signedIn(app);
    const [newEmail, oldEmail] = [makeEmail(), user.user.email];

    const answer = await confirm(await tokenFor(user, newEmail));

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await visitor(app).signIn(oldEmail)).status).toBe(401);
    expect((await visitor(app).signIn(newEmail)).status).toBe(200);
    const notice = await app.mailbox.next(oldEmail);
    expect(notice.subject).toBe('Your email was changed');
    expect(notice.content).not.toContain(newEmail);
  });

  it('revokes all sessions and keeps the user id', async () => {
    const user = await signedIn(app);
    const newEmail = makeEmail();

    await confirm(await tokenFor(user, newEmail));

    expect((await user.get('/v1/users/me')).status).toBe(401);
    const refreshed = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    expect(refreshed.status).toBe(401);
    const { accessToken } = await login(app, newEmail, PASSWORD);
    expect(decodeJwt(accessToken).sub).toBe(user.user.id);
  });

  it('succeeds when the same link is used again, also in parallel, and changes the email once', async () => {
    const user = await signedIn(app);
    const token = await tokenFor(user, makeEmail());

    const responses = await Promise.all(times(10, () => confirm(token)));

    expect(responses.map(({ status }) => status)).toEqual(times(10, () => 204));
    expect((await confirm(token)).status).toBe(204);
    const events = await app.db.query(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'email-changed'`,
      [user.user.id],
    );
    expect(events).toHaveLength(1);
  });

  it('takes the email from an unverified account, whose owner has proven nothing', async () => {
    const user = await signedIn(app);
    const newEmail = makeEmail();
    const { user: squatter } = await createUser(app, { email: newEmail, emailVerifiedAt: null });

    const response = await confirm(await tokenFor(user, newEmail));

    expect(response.status).toBe(204);
    expect((await visitor(app).signIn(newEmail)).status).toBe(200);
    expect(await app.db.query('SELECT 1 FROM users WHERE id = $1', [squatter.id])).toEqual([]);
  });

  it('does not take the email from an imported account', async () => {
    const user = await signedIn(app);
    const { user: imported } = await createUser(app, { emailVerifiedAt: null });
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [imported.id]);

    const response = await confirm(await tokenFor(user, imported.email));

    expect(response).toMatchObject({ status: 409, body: { code: 'EMAIL_TAKEN' } });
  });

  it('rejects a token after a newer request', async () => {
    const user = await signedIn(app);
    const [older, newer] = [makeEmail(), makeEmail()];
    const first = await tokenFor(user, older);
    await ageMails(user);
    const second = await tokenFor(user, newer);

    const answers = [await confirm(first), await confirm(second)];

    expect(answers.map(({ status }) => status)).toEqual([400, 204]);
  });

  it.each([
    ['has expired', `expires_at = now() - interval '1 second'`],
    ['is for setting a password', `purpose = 'reset-password'`],
    ['is for verifying an email', `purpose = 'verify-email'`],
  ])('rejects a token that %s', async (_name, change) => {
    const user = await signedIn(app);
    const token = await tokenFor(user, makeEmail());
    await app.db.query(`UPDATE email_tokens SET ${change} WHERE user_id = $1`, [user.user.id]);

    const answer = await confirm(token);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('rejects a token if the password was reset after the request', async () => {
    const user = await signedIn(app);
    const newEmail = makeEmail();
    const token = await tokenFor(user, newEmail);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const reset = { token: await app.mailbox.token(user.user.email), password: 'a new one, and long' };
    expect((await app.http().post('/v1/auth/reset-password').send(reset)).status).toBe(204);

    const answer = await confirm(token);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await visitor(app).signIn(user.user.email, reset.password)).status).toBe(200);
  });

  it('revokes reset links that were sent to the old email', async () => {
    const user = await signedIn(app);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const reset = { token: await app.mailbox.token(user.user.email), password: 'a new one, and long' };

    await confirm(await tokenFor(user, makeEmail()));

    expect((await app.http().post('/v1/auth/reset-password').send(reset)).status).toBe(400);
  });

  it('gives an email to only one of two accounts that confirm it in parallel', async () => {
    const users = await Promise.all(times(2, () => signedIn(app)));
    const newEmail = makeEmail();
    const tokens: string[] = [];
    for (const [index, user] of users.entries()) {
      await ask(user, newEmail);
      tokens.push(await app.mailbox.token(newEmail, index + 1));
    }

    const answers = await Promise.all(tokens.map(confirm));

    const winner = answers.findIndex(({ status }) => status === 204);
    expect(answers[1 - winner]).toMatchObject({ status: 409, body: { code: 'EMAIL_TAKEN' } });
    const { accessToken } = await login(app, newEmail, PASSWORD);
    expect(decodeJwt(accessToken).sub).toBe(users[winner]?.user.id);
    expect((await visitor(app).signIn(users[1 - winner]!.user.email)).status).toBe(200);
  });
});

const makeEmail = () => `${randomUUID()}@example.com`;

const ask = (user: SignedIn, newEmail: string) =>
  user.post('/v1/users/me/email', { newEmail, password: PASSWORD });

const confirm = (token: string) => app.http().post('/v1/auth/confirm-email-change').send({ token });

async function tokenFor(user: SignedIn, newEmail: string): Promise<string> {
  await ask(user, newEmail);
  return app.mailbox.token(newEmail);
}

const mailsOf = ({ user }: SignedIn) =>
  app.db.query(`SELECT id FROM mails WHERE user_id = $1 AND template = 'confirm-email-change'`, [user.id]);

const isAllSent = async ({ user }: SignedIn) => {
  const unsent = await app.db.query(`SELECT FROM mails WHERE user_id = $1 AND sent_at IS NULL`, [user.id]);
  return unsent.length === 0;
};

const ageMails = ({ user }: SignedIn) =>
  app.db.query(`UPDATE mails SET created_at = created_at - interval '61 seconds' WHERE user_id = $1`, [
    user.id,
  ]);
