import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { untilJobsFinished } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import { times } from '../support/until.ts';

const NEW = 'a new one, and long';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

describe('POST /v1/auth/forgot-password', () => {
  it('responds the same for a known, an unknown, an unverified and a suspended email', async () => {
    const known = await Promise.all([
      createUser(app),
      createUser(app, { emailVerifiedAt: null }),
      createUser(app, { status: 'suspended' }),
    ]);

    const answers = await Promise.all(
      [`${randomUUID()}@example.com`, ...known.map(({ user }) => user.email)].map((email) =>
        visitor(app).forgotPassword(email),
      ),
    );

    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(
      times(4, () => '202 {"data":{"status":"accepted"}}'),
    );
    const [first, ...others] = answers.map(({ headers }) => Object.keys(headers).toSorted());
    for (const names of others) expect(names).toEqual(first);
  });

  it('builds the link from FRONTEND_URL, not from request headers', async () => {
    const { user } = await createUser(app);

    await visitor(app)
      .forgotPassword(user.email)
      .set('host', 'evil.example')
      .set('x-forwarded-host', 'evil.example')
      .set('forwarded', 'host=evil.example')
      .set('origin', 'https://evil.example');

    const { content, subject } = await app.mailbox.next(user.email);
    expect(subject).toBe('Choose a new password');
    expect(content).toContain(`${app.config.FRONTEND_URL}/reset-password?token=`);
    expect(content).not.toContain('evil.example');
  });

  it('sends at most one mail per minute and five per hour, also for parallel requests', async () => {
    const { user } = await createUser(app);

    await Promise.all(times(10, () => visitor(app).forgotPassword(user.email)));
    await untilJobsFinished(app);
    expect(await resetMails(user.id)).toBe(1);

    for (const mails of [2, 3, 4, 5, 5]) {
      await ageMails(user.id, '61 seconds');
      await visitor(app).forgotPassword(user.email);
      await untilJobsFinished(app);
      expect(await resetMails(user.id)).toBe(mails);
    }
    await ageMails(user.id, '1 hour');
    await visitor(app).forgotPassword(user.email);
    await untilJobsFinished(app);
    expect(await resetMails(user.id)).toBe(6);
  });

  it('sends the same link while it is valid, so that an anonymous caller cannot revoke it', async () => {
    const { user } = await createUser(app);
    const first = await tokenFor(user.email);
    await ageMails(user.id, '61 seconds');

    const second = await tokenFor(user.email, 2);

    expect(second).toBe(first);
    expect((await visitor(app).resetPassword(first, NEW)).status).toBe(204);
  });

  it('sends a new link even if anonymous callers used up the hourly mail limit', async () => {
    const { user } = await createUser(app);
    for (const mails of [1, 2, 3, 4, 5]) {
      await tokenFor(user.email, mails);
      await ageMails(user.id, '61 seconds');
    }
    await app.db.query(
      `UPDATE email_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1`,
      [user.id],
    );

    expect((await visitor(app).resetPassword(await tokenFor(user.email, 6), NEW)).status).toBe(204);
  });

  it('does the same work during the request for a known and an unknown email', async () => {
    const { user } = await createUser(app);
    await app.db.query('DELETE FROM jobs');

    await visitor(app).forgotPassword(user.email);
    await visitor(app).forgotPassword(`${randomUUID()}@example.com`);

    const jobs = await app.db.query(`SELECT input FROM jobs WHERE type = 'account-link-send'`);
    expect(jobs).toHaveLength(2);
    expect(JSON.stringify(jobs)).not.toContain('example.com');
  });
});

async function tokenFor(email: string, count = 1): Promise<string> {
  await visitor(app).forgotPassword(email);
  return app.mailbox.token(email, count);
}

const ageMails = (userId: string, by: string) =>
  app.db.query('UPDATE mails SET created_at = created_at - $2::interval WHERE user_id = $1', [userId, by]);

const resetMails = (userId: string): Promise<number> =>
  app.db
    .query(`SELECT count(*)::int AS count FROM mails WHERE user_id = $1 AND template = 'reset-password'`, [
      userId,
    ])
    .then(([{ count }]) => count);
