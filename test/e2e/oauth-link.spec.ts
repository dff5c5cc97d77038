import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newPerson } from '../factories/person.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser } from '../support/browser.ts';
import { login, SignedIn, signedIn } from '../support/client.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import type { Person } from '../support/providers/person.ts';
import { visit } from '../support/providers/visit.ts';
import { times } from '../support/until.ts';

let oauth: OAuthApp;
let app: TestApp;
let user: SignedIn;
let person: Person;

beforeAll(async () => {
  oauth = await startOAuthApp({ worker: true });
  ({ app } = oauth);
});

beforeEach(async () => {
  user = await signedIn(app);
  person = newPerson();
  for (const provider of everyProvider) oauth.person(provider, person);
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const identities = async (whose: SignedIn) => (await whose.get('/v1/users/me/identities')).body.data;
const unlink = (whose: SignedIn, provider: string) => whose.delete(`/v1/users/me/identities/${provider}`);

/** The same user, with a session that started eleven minutes ago. */
async function lateSession(): Promise<SignedIn> {
  await app.db.query(
    `UPDATE sessions SET created_at = created_at - interval '11 minutes' WHERE user_id = $1`,
    [user.user.id],
  );
  const { refreshToken } = user;
  const { data } = (await app.http().post('/v1/auth/refresh').send({ refreshToken })).body;
  return new SignedIn(app, user.user, data.accessToken, data.refreshToken);
}

describe('POST /v1/auth/oauth/{provider}/link', () => {
  it.each(everyProvider)('adds %s as a sign-in method, and notifies the owner', async (provider) => {
    const end = await new Browser(app).link(provider, user);

    expect(end.href).toBe(`http://localhost:3000/?linked=${provider}`);
    expect(await identities(user)).toEqual([
      { provider, email: person.email, linkedAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
    expect((await new Browser(app).signIn(provider)).user.id).toBe(user.user.id);
    expect((await app.mailbox.next(user.user.email)).subject).toBe('A sign-in provider was linked');
  });

  it('creates a notification, like unlinking', async () => {
    await new Browser(app).link('google', user);
    await unlink(user, 'google');

    const { body } = await user.get('/v1/notifications');
    expect(body.data.map(({ type }: { type: string }) => type)).toEqual([
      'identity-unlinked',
      'identity-linked',
    ]);
    expect(body.meta.unreadCount).toBe(2);
  });

  it('also requires a recent session at the callback', async () => {
    const browser = new Browser(app);
    const { body } = await browser.startLink('google', user);
    const callback = await visit(body.data.authorizationUrl);
    await lateSession();

    const response = await browser.sendCallback(callback);

    expect(response.headers['location']).toBe('http://localhost:3000/?error=recent_sign_in_required');
    expect(await identities(user)).toEqual([]);
  });

  it('links a provider account without a verified email, and shows none', async () => {
    oauth.person('google', { ...person, emailVerified: false });

    const end = await new Browser(app).link('google', user);

    expect(end.search).toBe('?linked=google');
    expect(await identities(user)).toMatchObject([{ email: null }]);
  });

  it('redirects to the requested URL if it is allowed', async () => {
    const browser = new Browser(app);
    const allowed = { returnTo: 'http://localhost:3000/settings?tab=2' };

    const begun = await browser.startLink('github', user, allowed);
    const answer = await browser.sendCallback(await visit(begun.body.data.authorizationUrl));
    const rejected = await browser.startLink('github', user, { returnTo: 'https://evil.example' });

    expect(answer.headers['location']).toBe('http://localhost:3000/settings?tab=2&linked=github');
    expect(rejected).toMatchObject({ status: 422, body: { code: 'RETURN_TO_NOT_ALLOWED' } });
  });

  it('requires a recent session', async () => {
    const answer = await new Browser(app).startLink('github', await lateSession());

    expect(answer).toMatchObject({ status: 403, body: { code: 'RECENT_SIGN_IN_REQUIRED' } });
  });

  it('requires a session', async () => {
    const answer = await app.http().post('/v1/auth/oauth/github/link').send({});

    expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
  });

  it('changes nothing when the same identity is linked again', async () => {
    await new Browser(app).link('github', user);

    const end = await new Browser(app).link('github', user);

    expect(end.search).toBe('?linked=github');
    expect(await identities(user)).toHaveLength(1);
  });

  it('does not link an identity of another account', async () => {
    const other = await signedIn(app);
    await new Browser(app).link('github', other);

    const end = await new Browser(app).link('github', user);

    expect(end.search).toBe('?error=identity_conflict');
    expect([await identities(user), await identities(other)]).toMatchObject([[], [{ provider: 'github' }]]);
  });

  it('rejects a second identity of one provider', async () => {
    await new Browser(app).link('github', user);
    oauth.person('github', newPerson());

    const end = await new Browser(app).link('github', user);

    expect(end.search).toBe('?error=identity_conflict');
  });

  it('links an identity to only one of two accounts in parallel', async () => {
    const other = await signedIn(app);

    const ends = await Promise.all([user, other].map((account) => new Browser(app).link('github', account)));

    expect(ends.map((end) => end.search).toSorted()).toEqual(['?error=identity_conflict', '?linked=github']);
  });

  it('cannot be completed in another user’s browser, which would link that user’s identity', async () => {
    const attacker = new Browser(app);
    const begun = await attacker.startLink('github', user);
    const victim = new Browser(app);
    await victim.startSignIn('github');

    const answer = await victim.sendCallback(await visit(begun.body.data.authorizationUrl));

    expect(answer).toMatchObject({ status: 400, body: { code: 'OAUTH_STATE_INVALID' } });
    expect(await identities(user)).toEqual([]);
  });

  it('cannot be completed after the session that started it has ended', async () => {
    const browser = new Browser(app);
    const begun = await browser.startLink('github', user);
    await user.post('/v1/auth/logout');

    const answer = await browser.sendCallback(await visit(begun.body.data.authorizationUrl));

    expect(answer).toMatchObject({ status: 400, body: { code: 'OAUTH_STATE_INVALID' } });
    expect(await app.db.query('SELECT 1 FROM identities WHERE user_id = $1', [user.user.id])).toEqual([]);
  });

  it('redirects with an error and without a code when consent was denied', async () => {
    oauth.providers.control.hostile('github', 'deny');

    const end = await new Browser(app).link('github', user);

    expect(end.search).toBe('?error=access_denied');
  });
});

describe('DELETE /v1/users/me/identities/{provider}', () => {
  it('removes a sign-in method, revokes the other sessions and notifies the owner', async () => {
    await new Browser(app).link('github', user);
    const other = await new Browser(app).signIn('github');

    const answer = await unlink(user, 'github');

    expect(answer.status).toBe(204);
    expect([(await user.get('/v1/users/me')).status, (await other.get('/v1/users/me')).status]).toEqual([
      200, 401,
    ]);
    expect((await app.mailbox.next(user.user.email, 2)).subject).toBe('A sign-in provider was unlinked');
    expect((await new Browser(app).signIn('github')).user.id).not.toBe(user.user.id);
    const events = await app.db.query(
      `SELECT type, actor_id FROM audit_events WHERE user_id = $1 AND type LIKE 'identity%' ORDER BY created_at`,
      [user.user.id],
    );
    expect(events).toMatchObject([
      { type: 'identity-linked' },
      { type: 'identity-unlinked', actor_id: user.user.id },
    ]);
  });

  it('responds 404 the second time, and for an unknown provider', async () => {
    const answers = [await unlink(user, 'github'), await unlink(user, 'facebook')];

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });

  it('requires a recent session', async () => {
    await new Browser(app).link('github', user);

    const answer = await unlink(await lateSession(), 'github');

    expect(answer).toMatchObject({ status: 403, body: { code: 'RECENT_SIGN_IN_REQUIRED' } });
  });

  it('keeps the last sign-in method', async () => {
    const owner = await new Browser(app).signIn('github');

    const answer = await unlink(owner, 'github');

    expect(answer).toMatchObject({ status: 409, body: { code: 'LAST_SIGN_IN_METHOD' } });
    expect(await identities(owner)).toHaveLength(1);
  });

  it('keeps one of two that are unlinked in parallel', async () => {
    const owners = await Promise.all(
      times(5, async () => {
        const owner = await signedIn(app);
        await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [owner.user.id]);
        await app.db.query(
          `INSERT INTO identities (id, user_id, provider, subject)
           SELECT gen_random_uuid(), $1, provider, gen_random_uuid() FROM unnest(ARRAY['google', 'github']) AS provider`,
          [owner.user.id],
        );
        return owner;
      }),
    );

    const answers = await Promise.all(
      owners.map((owner) => Promise.all([unlink(owner, 'github'), unlink(owner, 'google')])),
    );

    for (const pair of answers)
      expect(new Set(pair.map(({ status }) => status))).toEqual(new Set([204, 409]));
    for (const owner of owners) expect(await identities(owner)).toHaveLength(1);
  });

  it('changes only the caller’s identities', async () => {
    const { user: otherUser, password } = await createUser(app);
    const tokens = await login(app, otherUser.email, password);
    const other = new SignedIn(app, otherUser, tokens.accessToken, tokens.refreshToken);
    await new Browser(app).link('github', user);

    expect((await unlink(other, 'github')).status).toBe(404);
    expect(await identities(user)).toHaveLength(1);
  });
});
