import { signedIn } from '../support/client.ts';
import { TestApp } from '../support/app.ts';
import { times } from '../support/until.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

describe('POST /v1/auth/refresh', () => {
  it('gives parallel refreshes of one token the same successor', async () => {
    const { refreshToken } = await signedIn(app);

    const answers = await Promise.all(
      times(50, () => app.http().post('/v1/auth/refresh').send({ refreshToken })),
    );

    expect(answers.map((answer) => answer.status)).toEqual(times(50, () => 200));
    expect(new Set(answers.map((answer) => answer.body.data.refreshToken)).size).toBe(1);
  });
});

describe('POST /v1/auth/register', () => {
  it('makes one user and sends one mail when fifty register one address at once', async () => {
    const email = 'crowd@example.com';
    const body = { email, password: 'a long enough password', displayName: 'Crowd' };

    const answers = await Promise.all(times(50, () => app.http().post('/v1/auth/register').send(body)));

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    await app.mailbox.next(email);
    expect(await app.db.query('SELECT 1 FROM users WHERE email = $1', [email])).toHaveLength(1);
    expect(await app.db.query('SELECT 1 FROM mails WHERE recipient = $1', [email])).toHaveLength(1);
  });
});
