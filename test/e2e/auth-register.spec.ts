import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { storedText } from '../support/stored-text.ts';
import { times } from '../support/until.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';

const PASSWORD = 'a long enough password';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({
    worker: true,
    settings: { FRONTEND_URL: 'https://app.example.com' },
  });
});

afterAll(() => app.stop());

describe('POST /v1/auth/register', () => {
  it('answers a new, a waiting and a taken address alike', async () => {
    const [waiting, { user: taken }] = [newAddress(), await createUser(app)];
    await register(waiting);

    const answers = await Promise.all([newAddress(), waiting, taken.email].map((email) => register(email)));

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 202, body: { data: { status: 'accepted' } } });
      expect(answer.text).toBe(answers[0]?.text);
      expect(Object.keys(answer.headers).toSorted()).toEqual(Object.keys(answers[0]!.headers).toSorted());
    }
  });

  it('makes one user and sends one mail when fifty register one address at once', async () => {
    const email = newAddress();

    const answers = await Promise.all(
      times(50, (index) => register(index % 2 ? email : email.toUpperCase())),
    );

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    await app.mailbox.next(email);
    expect(await app.db.query('SELECT 1 FROM users WHERE lower(email) = $1', [email])).toHaveLength(1);
    expect(await mailsTo(email)).toEqual(['verify-email']);
  });

  it('keeps the password as argon2id with a salt of its own, and nowhere as it is', async () => {
    const emails = [newAddress(), newAddress()];
    const password = `seen nowhere ${randomUUID()}`;

    await Promise.all(emails.map((email) => register(email, { password })));

    const rows = await app.db.query('SELECT password_hash FROM users WHERE email = ANY($1)', [emails]);
    const hashes = rows.map((row: { password_hash: string }) => row.password_hash);
    expect(hashes[0]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(await storedText(app.db)).not.toContain(password);
  });

  it('sends a link to the frontend, whatever host the request names', async () => {
    const email = newAddress();

    await app
      .http()
      .post('/v1/auth/register')
      .set({ host: 'evil.example', 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' })
      .send({ email, password: PASSWORD, displayName: 'Victim' });

    const { raw, subject } = await app.mailbox.next(email);
    expect(subject).toBe('Confirm your address');
    expect(raw).toContain('https://app.example.com/verify-email?token=');
    expect(raw).not.toContain('evil.example');
  });

  it('shows a name as it is in the mail, and never as markup', async () => {
    const email = newAddress();

    await register(email, { displayName: '<b onclick="x()">Bo & Co</b>' });

    const { raw } = await app.mailbox.next(email);
    const [text = '', html = ''] = raw.split('<!doctype html>');
    expect(text).toContain('Hello <b onclick="x()">Bo & Co</b>');
    expect(html).toContain('Hello &lt;b onclick=&quot;x()&quot;&gt;Bo &amp; Co&lt;/b&gt;');
  });

  it('keeps no token as it is', async () => {
    const email = newAddress();
    await register(email);

    const token = await app.mailbox.token(email);

    const stored = await storedText(app.db);
    expect(stored).toContain(email);
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(Buffer.from(token, 'base64url').toString('hex'));
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  });
});

describe('registering an address again', () => {
  it('sends at most one mail a minute and five an hour', async () => {
    const email = newAddress();

    await register(email);
    await register(email);
    expect(await mailsTo(email)).toHaveLength(1);

    for (const mails of [2, 3, 4, 5, 5]) {
      await ageMails(email, '61 seconds');
      await register(email);
      expect(await mailsTo(email)).toHaveLength(mails);
    }
    await ageMails(email, '1 hour');
    await register(email);
    expect(await mailsTo(email)).toHaveLength(6);
  });

  it('shares these limits with asking for the mail again', async () => {
    const email = newAddress();
    await register(email);

    await resend(email);

    expect(await mailsTo(email)).toHaveLength(1);
  });

  it('takes the password of the latest registration, so that nobody confirms that of a stranger', async () => {
    const email = newAddress();
    await register(email, { password: 'what a stranger chose' });
    await app.mailbox.next(email);
    await ageMails(email, '61 seconds');
    await register(email, { password: 'what the owner chose', displayName: 'Owner' });

    await verify(await app.mailbox.token(email, 2));

    expect((await login(email, 'what a stranger chose')).status).toBe(401);
    expect((await login(email, 'what the owner chose')).status).toBe(200);
  });

  it('changes nothing where it sends no mail', async () => {
    const email = newAddress();
    await register(email, { password: 'what the owner chose' });
    const token = await app.mailbox.token(email);
    await register(email, { password: 'what a stranger chose' });

    await verify(token);

    expect((await login(email, 'what a stranger chose')).status).toBe(401);
    expect((await login(email, 'what the owner chose')).status).toBe(200);
  });

  it('tells the owner of a confirmed address, at most once an hour, and changes nothing', async () => {
    const { user } = await createUser(app);

    await Promise.all(times(5, () => register(user.email, { displayName: 'Stranger' })));

    const { subject, raw } = await app.mailbox.next(user.email);
    expect(subject).toBe('You already have an account');
    expect(raw).not.toContain('token=');
    await ageMails(user.email, '61 seconds');
    await register(user.email);
    expect(await mailsTo(user.email)).toEqual(['already-registered']);
    await ageMails(user.email, '1 hour');
    await register(user.email);
    expect(await mailsTo(user.email)).toHaveLength(2);
    const [row] = await app.db.query('SELECT * FROM users WHERE id = $1', [user.id]);
    expect(row).toMatchObject({ password_hash: user.passwordHash, display_name: 'Test User', version: 1 });
  });
});

describe('POST /v1/auth/verify-email', () => {
  it('lets the account sign in', async () => {
    const email = newAddress();
    await register(email);
    const before = await login(email);

    const answer = await verify(await app.mailbox.token(email));

    expect(before).toMatchObject({ status: 403, body: { code: 'EMAIL_NOT_VERIFIED' } });
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await login(email)).status).toBe(200);
  });

  it('takes a token once, however many come with it at once', async () => {
    const email = newAddress();
    await register(email);
    const token = await app.mailbox.token(email);

    const answers = await Promise.all(times(20, () => verify(token)));

    const counts = Object.groupBy(answers, ({ status }) => status);
    expect(counts).toMatchObject({ 204: { length: 1 }, 400: { length: 19 } });
    expect(await verify(token)).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('takes no token that a newer one has voided', async () => {
    const email = newAddress();
    await register(email);
    const older = await app.mailbox.token(email);
    await ageMails(email, '61 seconds');
    await resend(email);
    const newer = await app.mailbox.token(email, 2);

    const answers = [await verify(older), await verify(newer)];

    expect(answers.map(({ status }) => status)).toEqual([400, 204]);
  });

  it.each([
    ['that has expired', `expires_at = now() - interval '1 second'`],
    ['of another purpose', `purpose = 'reset-password'`],
    ['that went to an address which is no longer theirs', `email = 'old@example.com'`],
  ])('takes no token %s', async (_name, change) => {
    const email = newAddress();
    await register(email);
    const token = await app.mailbox.token(email);
    await app.db.query(`UPDATE email_tokens SET ${change} WHERE email = $1`, [email]);

    const answer = await verify(token);

    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
    expect((await login(email)).body.code).toBe('EMAIL_NOT_VERIFIED');
  });

  it('takes a token for a day', async () => {
    const email = newAddress();
    await register(email);
    await app.mailbox.next(email);

    const [{ hours }] = await app.db.query(
      `SELECT round(extract(epoch FROM expires_at - created_at) / 3600) AS hours FROM email_tokens WHERE email = $1`,
      [email],
    );

    expect(Number(hours)).toBe(24);
  });
});

describe('POST /v1/auth/verify-email/resend', () => {
  it('answers an unknown, a waiting and a confirmed address alike', async () => {
    const [waiting, unknown, { user }] = [newAddress(), newAddress(), await createUser(app)];
    await register(waiting);

    const answers = await Promise.all([waiting, unknown, user.email].map((email) => resend(email)));

    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(
      times(3, () => '202 {"data":{"status":"accepted"}}'),
    );
  });

  it('sends nothing to an address that is confirmed, nor to an account that nobody registered', async () => {
    const { user: confirmed } = await createUser(app);
    const { user: imported } = await createUser(app, { emailVerifiedAt: null });
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [imported.id]);

    await Promise.all([confirmed, imported].map(({ email }) => resend(email)));

    expect(await mailsTo(confirmed.email)).toEqual([]);
    expect(await mailsTo(imported.email)).toEqual([]);
  });
});

const newAddress = () => `new-${randomUUID()}@example.com`;

const register = (email: string, changes: { password?: string; displayName?: string } = {}) =>
  app
    .http()
    .post('/v1/auth/register')
    .send({ email, password: PASSWORD, displayName: 'New', ...changes });

const verify = (token: string) => app.http().post('/v1/auth/verify-email').send({ token });
const resend = (email: string) => app.http().post('/v1/auth/verify-email/resend').send({ email });

const login = (email: string, password = PASSWORD) =>
  app.http().post('/v1/auth/login').send({ email, password });

/** The templates of the mails that are on their way to this address. */
async function mailsTo(email: string): Promise<string[]> {
  const rows = await app.db.query<{ template: string }[]>('SELECT template FROM mails WHERE recipient = $1', [
    email,
  ]);
  return rows.map(({ template }) => template);
}

const ageMails = (email: string, by: string) =>
  app.db.query('UPDATE mails SET created_at = created_at - $2::interval WHERE recipient = $1', [email, by]);
