import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { InvitationsModule, InvitationsService } from '../support/invitations.ts';

const SOURCE = readFileSync(new URL('../support/invitations.ts', import.meta.url), 'utf8');
const PASSWORD = 'correct horse battery';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ modules: [{ module: InvitationsModule }] });
});

afterAll(() => app.stop());

it('the code of the guide is the code that is tested here', () => {
  const block =
    codeBlocks(readGuide('sign-in.md'), 'ts').find((code) => code.includes('@Controller')) ?? 'missing';

  expect(SOURCE).toContain(block.trim());
});

describe('a controller that registers and signs in', () => {
  it('creates a verified account with a session, whose access token works', async () => {
    const email = `${randomUUID()}@example.com`;

    const response = await accept(invite(email));

    expect(response.status).toBe(200);
    const { body } = await me(response.body.data.accessToken);
    expect(body.data).toMatchObject({ email, displayName: 'Ada', emailVerified: true });
    expect(await auditOf(body.data.id)).toEqual(
      expect.arrayContaining([
        { type: 'email-verified', data: {} },
        { type: 'sign-in', data: { method: 'invitation' } },
      ]),
    );
  });

  it('leaves an existing account as it is', async () => {
    const { user } = await signedIn(app);

    const response = await accept(invite(user.email));

    expect(response).toMatchObject({ status: 409, body: { code: 'EMAIL_TAKEN' } });
    expect(await auditOf(user.id)).not.toContainEqual({ type: 'sign-in', data: { method: 'invitation' } });
  });

  it('finds the account whose email differs only in case', async () => {
    const { user } = await signedIn(app);

    const response = await accept(invite(user.email.toUpperCase()));

    expect(response).toMatchObject({ status: 409, body: { code: 'EMAIL_TAKEN' } });
  });

  it('creates one account when two requests have the same email', async () => {
    const email = `${randomUUID()}@example.com`;

    const answers = await Promise.all([accept(invite(email)), accept(invite(email))]);

    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409']);
  });
});

describe('a controller that signs in after its own check', () => {
  it('starts a session and records the method', async () => {
    const { user } = await signedIn(app);

    const response = await signInWithDirectory(user.id);

    expect((await me(response.body.data.accessToken)).body.data.id).toBe(user.id);
    expect(await auditOf(user.id)).toContainEqual({ type: 'sign-in', data: { method: 'directory' } });
  });

  it('rejects suspended and deleted accounts', async () => {
    const [suspended, deleted] = [await signedIn(app), await signedIn(app)];
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [suspended.user.id]);
    await app.db.query(`UPDATE users SET deleted_at = now() WHERE id = $1`, [deleted.user.id]);

    const answers = [
      await signInWithDirectory(suspended.user.id),
      await signInWithDirectory(deleted.user.id),
    ];

    expect(answers.map(({ body: { code } }) => code)).toEqual(['ACCOUNT_SUSPENDED', 'INVALID_CREDENTIALS']);
  });

  it('ends all sessions but this one', async () => {
    const here = await signedIn(app);
    const elsewhere = await login(app, here.user.email, PASSWORD);

    expect((await here.post('/v1/directory/sign-out-elsewhere')).status).toBe(204);

    expect((await me(here.accessToken)).status).toBe(200);
    expect((await me(elsewhere.accessToken)).status).toBe(401);
    expect(await auditOf(here.user.id)).toContainEqual({ type: 'sign-out', data: { sessions: 'others' } });
  });
});

function invite(email: string): string {
  const token = randomUUID();
  app.api.get(InvitationsService, { strict: false }).emails.set(token, email);
  return token;
}

const accept = (token: string) =>
  app.http().post('/v1/invitations/accept').send({ token, displayName: 'Ada' });

const signInWithDirectory = (userId: string) => app.http().post('/v1/directory/sign-in').send({ userId });

const me = (accessToken: SignedIn['accessToken']) =>
  app.http().get('/v1/users/me').set('authorization', `Bearer ${accessToken}`);

const auditOf = (userId: string) =>
  app.db.query(`SELECT type, data FROM audit_events WHERE user_id = $1 ORDER BY created_at`, [userId]);
