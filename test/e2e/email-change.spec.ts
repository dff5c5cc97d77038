import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn } from '../support/client.ts';
import { storedText } from '../support/stored-text.ts';
import { times } from '../support/until.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';

const PASSWORD = 'correct horse battery';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

describe('POST /v1/users/me/email', () => {
  it('leaves the old address the one to sign in with until the new one is confirmed', async () => {
    const user = await signedIn(app);
    const newEmail = newAddress();

    const answer = await ask(user, newEmail);

    expect([answer.status, answer.body]).toEqual([202, { data: { status: 'accepted' } }]);
    await app.mailbox.next(newEmail);
    expect((await signIn(newEmail)).status).toBe(401);
    expect((await signIn(user.user.email)).status).toBe(200);
    expect((await user.get('/v1/users/me')).body.data.email).toBe(user.user.email);
  });

  it('mails the link to the new address alone, and keeps its token nowhere', async () => {
    const user = await signedIn(app);
    const newEmail = newAddress();

    await ask(user, newEmail).set('host', 'evil.example').set('x-forwarded-host', 'evil.example');

    const { raw } = await app.mailbox.next(newEmail);
    const token = await app.mailbox.token(newEmail);
    expect(raw).toContain(`${app.config.FRONTEND_URL}/confirm-email-change?token=`);
    expect(raw).not.toContain('evil.example');
    expect(await app.mailbox.to(user.user.email)).toEqual([]);
    expect(await storedText(app.db)).not.toContain(token);
  });

  it.each([
    ['with a wrong password', { password: 'a wrong password' }],
    ['without the password', {}],
  ])('is refused %s', async (_name, body) => {
    const user = await signedIn(app);

    const answer = await user.post('/v1/users/me/email', { newEmail: newAddress(), ...body });

    expect(answer).toMatchObject({ status: 403, body: { code: 'WRONG_PASSWORD' } });
    expect(await mailsOf(user)).toEqual([]);
  });

  it('needs no password where there is none, but a sign-in that is recent', async () => {
    const user = await signedIn(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.user.id]);
    const newEmail = newAddress();
    const before = await user.post('/v1/users/me/email', { newEmail });
    await app.db.query(`UPDATE sessions SET created_at = now() - interval '11 minutes' WHERE user_id = $1`, [
      user.user.id,
    ]);
    const { body } = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    const later = new SignedIn(app, user.user, body.data.accessToken, body.data.refreshToken);

    const answer = await later.post('/v1/users/me/email', { newEmail: newAddress() });

    expect(before.status).toBe(202);
    expect(answer).toMatchObject({ status: 403, body: { code: 'RECENT_SIGN_IN_REQUIRED' } });
  });

  it('answers the same for an address that is taken, which only its owner hears of', async () => {
    const [user, { user: owner }] = [await signedIn(app), await createUser(app)];

    const free = await ask(user, newAddress());
    const taken = await ask(await signedIn(app), owner.email);

    expect([taken.status, taken.text]).toEqual([free.status, free.text]);
    const { subject, raw } = await app.mailbox.next(owner.email);
    expect(subject).toBe('You already have an account');
    expect(raw).not.toContain('token=');
    expect(raw).not.toContain(user.user.email);
  });

  it('sends nothing for the address that the account has', async () => {
    const user = await signedIn(app);

    const answer = await ask(user, user.user.email.toUpperCase());

    expect(answer.status).toBe(202);
    expect(await mailsOf(user)).toEqual([]);
  });

  it('sends at most one mail a minute and five an hour, however many are asked for at once', async () => {
    const user = await signedIn(app);

    await Promise.all(times(8, () => ask(user, newAddress())));
    expect(await mailsOf(user)).toHaveLength(1);

    for (const mails of [2, 3, 4, 5, 5]) {
      await ageMails(user);
      await ask(user, newAddress());
      expect(await mailsOf(user)).toHaveLength(mails);
    }
  });
});

describe('POST /v1/auth/confirm-email-change', () => {
  it('makes the new address that of the account, and tells the old one', async () => {
    const user = await signedIn(app);
    const [newEmail, oldEmail] = [newAddress(), user.user.email];

    const answer = await confirm(await tokenFor(user, newEmail));

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await signIn(oldEmail)).status).toBe(401);
    expect((await signIn(newEmail)).status).toBe(200);
    const notice = await app.mailbox.next(oldEmail);
    expect(notice.subject).toBe('Your address was changed');
    expect(notice.raw).not.toContain(newEmail);
  });

  it('ends every session, and keeps the subject', async () => {
    const user = await signedIn(app);
    const newEmail = newAddress();

    await confirm(await tokenFor(user, newEmail));

    expect((await user.get('/v1/users/me')).status).toBe(401);
    const refreshed = await app.http().post('/v1/auth/refresh').send({ refreshToken: user.refreshToken });
    expect(refreshed.status).toBe(401);
    const { accessToken } = await login(app, newEmail, PASSWORD);
    expect(decodeJwt(accessToken).sub).toBe(user.user.id);
  });

  it('takes a token once, however many come with it at once', async () => {
    const token = await tokenFor(await signedIn(app), newAddress());

    const answers = await Promise.all(times(20, () => confirm(token)));

    const counts = Object.groupBy(answers, ({ status }) => status);
    expect(counts).toMatchObject({ 204: { length: 1 }, 400: { length: 19 } });
  });

  it('takes no token that a newer one has voided', async () => {
    const user = await signedIn(app);
    const [older, newer] = [newAddress(), newAddress()];
    const first = await tokenFor(user, older);
    await ageMails(user);
    const second = await tokenFor(user, newer);

    const answers = [await confirm(first), await confirm(second)];

    expect(answers.map(({ status }) => status)).toEqual([400, 204]);
  });

  it.each([
    ['that has expired', `expires_at = now() - interval '1 second'`],
    ['that was made to set a password', `purpose = 'reset-password'`],
    ['that was made to verify an address', `purpose = 'verify-email'`],
  ])('takes no token %s', async (_name, change) => {
    const user = await signedIn(app);
    const token = await tokenFor(user, newAddress());
    await app.db.query(`UPDATE email_tokens SET ${change} WHERE user_id = $1`, [user.user.id]);

    const answer = await confirm(token);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('is void once the password was reset in between', async () => {
    const user = await signedIn(app);
    const newEmail = newAddress();
    const token = await tokenFor(user, newEmail);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const reset = { token: await app.mailbox.token(user.user.email), password: 'a new one, and long' };
    expect((await app.http().post('/v1/auth/reset-password').send(reset)).status).toBe(204);

    const answer = await confirm(token);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await signIn(user.user.email, reset.password)).status).toBe(200);
  });

  it('voids the links to set a password that went to the old address', async () => {
    const user = await signedIn(app);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const reset = { token: await app.mailbox.token(user.user.email), password: 'a new one, and long' };

    await confirm(await tokenFor(user, newAddress()));

    expect((await app.http().post('/v1/auth/reset-password').send(reset)).status).toBe(400);
  });

  it('gives an address to one of two accounts that confirm it at once', async () => {
    const users = await Promise.all(times(2, () => signedIn(app)));
    const newEmail = newAddress();
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
    expect((await signIn(users[1 - winner]!.user.email)).status).toBe(200);
  });
});

const newAddress = () => `${randomUUID()}@example.com`;

const ask = (user: SignedIn, newEmail: string) =>
  user.post('/v1/users/me/email', { newEmail, password: PASSWORD });

const confirm = (token: string) => app.http().post('/v1/auth/confirm-email-change').send({ token });

const signIn = (email: string, password = PASSWORD) =>
  app.http().post('/v1/auth/login').send({ email, password });

async function tokenFor(user: SignedIn, newEmail: string): Promise<string> {
  await ask(user, newEmail);
  return app.mailbox.token(newEmail);
}

const mailsOf = ({ user }: SignedIn) =>
  app.db.query(`SELECT id FROM mails WHERE user_id = $1 AND template = 'confirm-email-change'`, [user.id]);

const ageMails = ({ user }: SignedIn) =>
  app.db.query(`UPDATE mails SET created_at = created_at - interval '61 seconds' WHERE user_id = $1`, [
    user.id,
  ]);
