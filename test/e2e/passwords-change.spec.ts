import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { randomUUID } from 'node:crypto';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn, visitor } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

const OLD = 'correct horse battery';
const NEW = 'a new one, and long';

let app: TestApp;
let other: Program;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  other = await app.startAnother();
});

afterAll(() => app.stop());

describe('POST /v1/auth/change-password', () => {
  it('revokes the other sessions on all instances and keeps this one', async () => {
    const here = await signedIn(app);
    const elsewhere = await signedInAgain(here);
    expect((await elsewhere.get('/v1/users/me', other)).status).toBe(200);

    const answer = await change(here);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await elsewhere.get('/v1/users/me')).status).toBe(401);
    await until(
      async () => (await elsewhere.get('/v1/users/me', other)).status === 401,
      'the other instance to reject the token',
      1_500,
    );
    expect((await visitor(app).refresh(elsewhere.refreshToken)).status).toBe(401);
    expect((await here.get('/v1/users/me', other)).status).toBe(200);
    expect((await visitor(app).refresh(here.refreshToken)).status).toBe(200);
  });

  it('replaces the old password', async () => {
    const user = await signedIn(app);

    await change(user);

    expect((await visitor(app).signIn(user.user.email, OLD)).status).toBe(401);
    expect((await visitor(app).signIn(user.user.email, NEW)).status).toBe(200);
  });

  it('notifies the owner', async () => {
    const user = await signedIn(app);

    await change(user);

    const { subject, content } = await app.mailbox.next(user.user.email);
    expect(subject).toBe('Your password was changed');
    expect(content).not.toContain(NEW);
  });

  it('revokes links in earlier mails', async () => {
    const user = await signedIn(app);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
    const token = await app.mailbox.token(user.user.email);

    await change(user);

    const reset = await app
      .http()
      .post('/v1/auth/reset-password')
      .send({ token, password: 'of who has the mail' });
    expect(reset).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await visitor(app).signIn(user.user.email, NEW)).status).toBe(200);
  });

  it('requires the current password', async () => {
    const user = await signedIn(app);

    const answer = await change(user, { currentPassword: 'not the current one' });

    expect(answer).toMatchObject({ status: 403, body: { code: 'WRONG_PASSWORD' } });
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect((await visitor(app).signIn(user.user.email, OLD)).status).toBe(200);
  });

  it('lets only one of two parallel changes succeed', async () => {
    const user = await signedIn(app);

    const answers = await Promise.all(times(2, (index) => change(user, { newPassword: `${NEW} ${index}` })));

    const winner = answers.findIndex(({ status }) => status === 204);
    expect(answers[1 - winner]).toMatchObject({ status: 403, body: { code: 'WRONG_PASSWORD' } });
    const tries = await Promise.all(
      times(2, (index) => visitor(app).signIn(user.user.email, `${NEW} ${index}`)),
    );
    expect(tries.map(({ status }) => status)).toEqual(winner === 0 ? [200, 401] : [401, 200]);
  });

  it('works while the stored hash has other parameters', async () => {
    const user = await signedIn(app);
    const otherHash = await hash(OLD, { memoryCost: 16, timeCost: 1, parallelism: 1 });
    await app.db.query('UPDATE users SET password_hash = $2 WHERE id = $1', [user.user.id, otherHash]);

    const answer = await change(user);

    expect(answer.status).toBe(204);
    expect((await visitor(app).signIn(user.user.email, NEW)).status).toBe(200);
  });

  it.each([
    ['the current password is missing', { newPassword: NEW }, 'currentPassword', 'REQUIRED'],
    ['the new one is short', { currentPassword: OLD, newPassword: 'short' }, 'newPassword', 'TOO_SHORT'],
    [
      'the new one is common',
      { currentPassword: OLD, newPassword: 'password1234' },
      'newPassword',
      'TOO_COMMON',
    ],
  ])('is rejected when %s', async (_name, body, path, code) => {
    const user = await signedIn(app);

    const answer = await user.post('/v1/auth/change-password', body);

    expect(answer).toMatchObject({ status: 422, body: { details: [{ path, code }] } });
  });

  it('is rejected when the new password contains the name part of the email', async () => {
    const name = `ada.lovelace.${randomUUID().slice(0, 8)}`;
    const user = await signedIn(app, { email: `${name}@example.com` });

    const answer = await change(user, { newPassword: `It is ${name.toUpperCase()}` });

    expect(answer).toMatchObject({
      status: 422,
      body: { details: [{ path: 'newPassword', code: 'CONTAINS_EMAIL' }] },
    });
  });

  it('does not set a password for an account that has none', async () => {
    const user = await signedIn(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.user.id]);

    const answer = await change(user);

    expect(answer).toMatchObject({ status: 403, body: { code: 'WRONG_PASSWORD' } });
  });
});

const change = (user: SignedIn, body: object = {}) =>
  user.post('/v1/auth/change-password', { currentPassword: OLD, newPassword: NEW, ...body });

async function signedInAgain({ user }: SignedIn): Promise<SignedIn> {
  const { accessToken, refreshToken } = await login(app, user.email, OLD);
  return new SignedIn(app, user, accessToken, refreshToken);
}
