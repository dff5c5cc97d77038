import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { de } from '../../src/auth/auth.de.ts';
import { untilJobsFinished } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import { storedText } from '../support/stored-text.ts';
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

describe('POST /v1/auth/register', () => {
  it('responds the same for a new, an unverified and a verified email', async () => {
    const [waiting, { user: taken }] = [newEmail(), await createUser(app)];
    await visitor(app).register(waiting);

    const answers = await Promise.all(
      [newEmail(), waiting, taken.email].map((email) => visitor(app).register(email)),
    );

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 202, body: { data: { status: 'accepted' } } });
      expect(answer.text).toBe(answers[0]?.text);
      expect(Object.keys(answer.headers).toSorted()).toEqual(Object.keys(answers[0]!.headers).toSorted());
    }
  });

  it('creates one user and sends one mail for fifty parallel registrations of one email', async () => {
    const email = newEmail();

    const answers = await Promise.all(
      times(50, (index) => visitor(app).register(index % 2 ? email : email.toUpperCase())),
    );

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    await app.mailbox.next(email);
    expect(await app.db.query('SELECT 1 FROM users WHERE lower(email) = $1', [email])).toHaveLength(1);
    expect(await mailsTo(email)).toEqual(['verify-email']);
  });

  it.each([
    ['de-AT,de;q=0.9,en;q=0.5', de.mails.verifyEmail.subject],
    ['fr, *;q=0.1', 'Verify your email'],
    ['de;q=0', 'Verify your email'],
  ])('sends the mail in the language of the request: %s', async (header, subject) => {
    const email = newEmail();
    const body = { email, password: PASSWORD, displayName: 'New' };

    await app.http().post('/v1/auth/register').set('accept-language', header).send(body);

    expect((await app.mailbox.next(email)).subject).toBe(subject);
  });

  it('stores the password only as a salted argon2id hash', async () => {
    const emails = [newEmail(), newEmail()];
    const password = `seen nowhere ${randomUUID()}`;

    await Promise.all(emails.map((email) => visitor(app).register(email, { password })));

    const rows = await app.db.query('SELECT password_hash FROM users WHERE email = ANY($1)', [emails]);
    const hashes = rows.map((row: { password_hash: string }) => row.password_hash);
    expect(hashes[0]).toMatch(/^\$argon2id\$v=19\$m=\d+,t=\d+,p=1\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(await storedText(app.db)).not.toContain(password);
  });

  it('builds the link from FRONTEND_URL, not from request headers', async () => {
    const email = newEmail();

    await app
      .http()
      .post('/v1/auth/register')
      .set({ host: 'evil.example', 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' })
      .send({ email, password: PASSWORD, displayName: 'Victim' });

    const { content, subject } = await app.mailbox.next(email);
    expect(subject).toBe('Verify your email');
    expect(content).toContain('https://app.example.com/verify-email?token=');
    expect(content).not.toContain('evil.example');
  });

  it('sends no text that the caller chose', async () => {
    const email = newEmail();

    await visitor(app).register(email, { displayName: 'You won! Claim at https://evil.example' });

    const { content } = await app.mailbox.next(email);
    expect(content).not.toContain('You won');
    expect(content).not.toContain('evil.example');
  });

  it('stores tokens only as hashes', async () => {
    const email = newEmail();
    await visitor(app).register(email);

    const token = await app.mailbox.token(email);

    const stored = await storedText(app.db);
    expect(stored).toContain(email);
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(Buffer.from(token, 'base64url').toString('hex'));
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  });
});

describe('registering an email again', () => {
  it('sends at most one mail per minute and five per hour', async () => {
    const email = newEmail();

    await visitor(app).register(email);
    await visitor(app).register(email);
    expect(await mailsTo(email)).toHaveLength(1);

    for (const mails of [2, 3, 4, 5, 5]) {
      await ageMails(email, '61 seconds');
      await visitor(app).register(email);
      expect(await mailsTo(email)).toHaveLength(mails);
    }
    await ageMails(email, '1 hour');
    await visitor(app).register(email);
    expect(await mailsTo(email)).toHaveLength(6);
  });

  it('shares the mail limit with resending the verification mail', async () => {
    const email = newEmail();
    await visitor(app).register(email);

    await visitor(app).resendVerification(email);
    await untilJobsFinished(app);

    expect(await mailsTo(email)).toHaveLength(1);
  });

  it('changes nothing if it sends no mail', async () => {
    const email = newEmail();
    await visitor(app).register(email, { password: 'what the owner chose' });
    const token = await app.mailbox.token(email);
    await visitor(app).register(email, { password: 'what an attacker chose' });

    expect((await visitor(app).verifyEmail(token, 'what an attacker chose')).status).toBe(401);
    expect((await visitor(app).verifyEmail(token, 'what the owner chose')).status).toBe(200);
  });

  it('notifies the owner of a verified email, at most once per hour, and changes nothing', async () => {
    const { user } = await createUser(app);

    await Promise.all(times(5, () => visitor(app).register(user.email, { displayName: 'Attacker' })));

    const { subject, content } = await app.mailbox.next(user.email);
    expect(subject).toBe('You already have an account');
    expect(content).not.toContain('token=');
    await ageMails(user.email, '61 seconds');
    await visitor(app).register(user.email);
    expect(await mailsTo(user.email)).toEqual(['already-registered']);
    await ageMails(user.email, '1 hour');
    await visitor(app).register(user.email);
    expect(await mailsTo(user.email)).toHaveLength(2);
    const [row] = await app.db.query('SELECT * FROM users WHERE id = $1', [user.id]);
    expect(row).toMatchObject({ password_hash: user.passwordHash, display_name: 'Test User', version: 1 });
  });
});

describe('registering the email of an imported account', () => {
  it('sends a link to choose a password and stores no password', async () => {
    const { user } = await createUser(app, { emailVerifiedAt: null, role: 'admin' });
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.id]);

    await visitor(app).register(user.email, { password: 'what an attacker chose' });

    const { content } = await app.mailbox.next(user.email);
    expect(content).toContain('/reset-password?token=');
    const [row] = await app.db.query('SELECT password_hash FROM users WHERE id = $1', [user.id]);
    expect(row.password_hash).toBeNull();
    expect(
      await app.db.query('SELECT 1 FROM email_tokens WHERE password_hash IS NOT NULL AND user_id = $1', [
        user.id,
      ]),
    ).toEqual([]);
  });
});

const newEmail = () => `new-${randomUUID()}@example.com`;

/** The templates of all mails to this email. */
async function mailsTo(email: string): Promise<string[]> {
  const rows = await app.db.query<{ template: string }[]>('SELECT template FROM mails WHERE recipient = $1', [
    email,
  ]);
  return rows.map(({ template }) => template);
}

const ageMails = (email: string, by: string) =>
  app.db.query('UPDATE mails SET created_at = created_at - $2::interval WHERE recipient = $1', [email, by]);
