import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { newPerson } from '../factories/person.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser } from '../support/browser.ts';
import { login, SignedIn } from '../support/client.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { visit } from '../support/providers/visit.ts';

// The five kinds of account pre-hijacking: Sudhodanan and Paverd, USENIX Security 2022.

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp({ worker: true });
  ({ app } = oauth);
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const password = 'the password of an attacker';

/** An attacker registers the victim's email and signs in. */
async function prepared() {
  const { user } = await createUser(app, { password, displayName: 'You were hacked' });
  const { accessToken, refreshToken } = await login(app, user.email, password);
  await app.db.query('UPDATE users SET email_verified_at = NULL WHERE id = $1', [user.id]);
  return { user, attacker: new SignedIn(app, user, accessToken, refreshToken) };
}

/** The owner of the email signs in with a provider that has verified it. */
async function ownerComes(email: string) {
  oauth.person('google', newPerson({ email, name: 'The Owner' }));
  return new Browser(app).signIn('google');
}

describe('the owner of an email that an attacker has registered', () => {
  it.each(everyProvider)('gets the account through %s, without data of the attacker', async (provider) => {
    const { user } = await prepared();
    oauth.person(provider, newPerson({ email: user.email, name: 'The Owner' }));

    const owner = await new Browser(app).signIn(provider);

    expect(owner.user).toMatchObject({ id: user.id, displayName: 'The Owner', emailVerified: true });
  });

  it('removes the attacker’s password (classic-federated merge)', async () => {
    const { user } = await prepared();

    await ownerComes(user.email);

    const answer = await app.http().post('/v1/auth/login').send({ email: user.email, password });
    expect(answer).toMatchObject({ status: 401, body: { code: 'INVALID_CREDENTIALS' } });
  });

  it('revokes the attacker’s sessions (unexpired session)', async () => {
    const { user, attacker } = await prepared();

    await ownerComes(user.email);

    const { refreshToken } = attacker;
    const refreshed = await app.http().post('/v1/auth/refresh').send({ refreshToken });
    expect([(await attacker.get('/v1/users/me')).status, refreshed.status]).toEqual([401, 401]);
  });

  it('removes identities that the attacker has linked (trojan identifier)', async () => {
    const { user, attacker } = await prepared();
    const attackersOwn = newPerson();
    oauth.person('github', attackersOwn);
    await new Browser(app).link('github', attacker);

    await ownerComes(user.email);

    const again = await new Browser(app).signIn('github');
    expect(again.user.id).not.toBe(user.id);
    expect(again.user.email).toBe(attackersOwn.email);
  });

  it('revokes a code that the attacker has not exchanged yet', async () => {
    const { user, attacker } = await prepared();
    oauth.person('github', newPerson());
    const browser = new Browser(app);
    await browser.link('github', attacker);
    const end = await browser.completeSignIn('github');

    await ownerComes(user.email);

    const answer = await browser.exchange(end.searchParams.get('code'));
    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('revokes email links that the attacker has requested (unexpired e-mail change)', async () => {
    const { user, attacker } = await prepared();
    const newEmail = newPerson().email;
    await attacker.post('/v1/users/me/email', { newEmail, password });
    const token = await app.mailbox.token(newEmail);

    await ownerComes(user.email);

    const answer = await app.http().post('/v1/auth/confirm-email-change').send({ token });
    expect(answer).toMatchObject({ status: 400, body: { code: 'TOKEN_INVALID' } });
  });

  it('cancels linking that the attacker has started', async () => {
    const { user, attacker } = await prepared();
    oauth.person('github', newPerson());
    const browser = new Browser(app);
    const begun = await browser.startLink('github', attacker);

    await ownerComes(user.email);

    const answer = await browser.sendCallback(await visit(begun.body.data.authorizationUrl));
    expect(answer).toMatchObject({ status: 400, body: { code: 'OAUTH_STATE_INVALID' } });
  });

  it('is not recognized by a provider that does not verify emails (non-verifying provider)', async () => {
    const { user } = await prepared();
    oauth.person('google', newPerson({ email: user.email, emailVerified: false }));

    const end = await new Browser(app).completeSignIn('google');

    expect(end.search).toBe('?error=email_unverified');
    expect(await app.db.query('SELECT 1 FROM identities WHERE user_id = $1', [user.id])).toEqual([]);
  });
});

describe('an account that an administrator has imported', () => {
  it('belongs to its owner after their first sign-in with a provider', async () => {
    const email = newPerson().email;
    const id = randomUUIDv7();
    await app.db.query(`INSERT INTO users (id, email, display_name) VALUES ($1, $2, 'Imported')`, [
      id,
      email,
    ]);

    const owner = await ownerComes(email);

    expect(owner.user).toMatchObject({ id, emailVerified: true });
  });
});
