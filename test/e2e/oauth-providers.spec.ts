import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newPerson } from '../factories/person.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { visit } from '../support/providers/visit.ts';

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp();
  ({ app } = oauth);
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const relay = () => `${crypto.randomUUID()}@privaterelay.appleid.com`;

/** Sends Apple's callback with a different `user` field. */
async function backWithUser(user: string | undefined) {
  const browser = new Browser(app);
  const callback = await visit(locationOf(await browser.startSignIn('apple')));
  callback.fields.delete('user');
  if (user !== undefined) callback.fields.set('user', user);
  const end = new URL(locationOf(await browser.sendCallback(callback)));
  const answer = await browser.exchange(end.searchParams.get('code'));
  const authorization = `Bearer ${answer.body.data.accessToken}`;
  return (await app.http().get('/v1/users/me').set({ authorization })).body.data;
}

describe('a required Google Workspace domain', () => {
  let pinned: TestApp;

  beforeAll(async () => {
    const settings = { ...oauth.providers.settings, GOOGLE_HOSTED_DOMAIN: 'Example.com' };
    pinned = await TestApp.start({ settings });
  });

  afterAll(() => pinned.stop());

  it('accepts its users, and requests the domain from Google', async () => {
    oauth.person('google', newPerson({ hostedDomain: 'example.com' }));

    const url = new URL(locationOf(await new Browser(pinned).startSignIn('google')));
    const end = await new Browser(pinned).completeSignIn('google');

    expect(url.searchParams.get('hd')).toBe('Example.com');
    expect(end.searchParams.has('code')).toBe(true);
  });

  it.each([undefined, 'evil.example', 'example.com.evil.example'])(
    'rejects other domains: %s',
    async (hostedDomain) => {
      oauth.person('google', newPerson(hostedDomain ? { hostedDomain } : {}));

      expect((await new Browser(pinned).completeSignIn('google')).search).toBe('?error=access_denied');
    },
  );
});

describe('GitHub', () => {
  it('ignores the public email of the profile', async () => {
    const { user } = await createUser(app);
    const person = newPerson({ publicEmail: user.email });
    oauth.person('github', person);

    const signedIn = await new Browser(app).signIn('github');

    expect(signedIn.user).toMatchObject({ email: person.email });
    expect(signedIn.user.id).not.toBe(user.id);
  });

  it('does not replace an unverified primary email with another one', async () => {
    const other = { email: newPerson().email, primary: false, verified: true };
    oauth.person('github', newPerson({ emailVerified: false, otherEmails: [other] }));

    expect((await new Browser(app).completeSignIn('github')).search).toBe('?error=email_unverified');
  });

  it('identifies a user by id, which stays after a rename', async () => {
    const person = newPerson();
    oauth.person('github', person);
    const before = await new Browser(app).signIn('github');

    // The fake provider derives the login from the email.
    oauth.person('github', { ...person, email: `renamed-${person.email}` });
    const after = await new Browser(app).signIn('github');

    expect(after.user.id).toBe(before.user.id);
    const [{ subject }] = await app.db.query('SELECT subject FROM identities WHERE user_id = $1', [
      before.user.id,
    ]);
    expect(subject).toBe(person.subject);
  });

  it('times out after five seconds when its API hangs', async () => {
    oauth.person('github', newPerson());
    oauth.providers.control.hostile('github', 'api-hang');

    expect((await new Browser(app).completeSignIn('github')).search).toBe('?error=provider_unavailable');
  });
});

describe('Apple', () => {
  it('sends the name once, and it is stored', async () => {
    oauth.person('apple', newPerson({ name: 'Grace Hopper' }));

    const first = await new Browser(app).signIn('apple');
    const second = await new Browser(app).signIn('apple');

    expect(first.user.displayName).toBe('Grace Hopper');
    expect(second.user).toMatchObject({ id: first.user.id, displayName: 'Grace Hopper' });
  });

  it('does not replace an existing name', async () => {
    oauth.person('apple', newPerson({ name: 'Grace Hopper' }));
    await new Browser(app).signIn('apple');

    const later = await backWithUser('{"name":{"firstName":"Mallory"}}');

    expect(later.displayName).toBe('Grace Hopper');
  });

  it.each([
    [undefined],
    ['not json'],
    ['{}'],
    ['{"name":null}'],
    ['{"name":{"firstName":1,"lastName":{}}}'],
    ['{"name":{"firstName":"  ","lastName":""}}'],
    ['[]'],
  ])('may send a user field without a name: %s', async (field) => {
    const person = newPerson();
    oauth.person('apple', person);

    expect((await backWithUser(field)).displayName).toBe(person.email.split('@')[0]);
  });

  it.each([
    ['{"name":{"firstName":"A\\nB\\u0000C","lastName":"D"}}', 'A B C D'],
    [`{"name":{"firstName":"${'x'.repeat(500)}"}}`, 'x'.repeat(100)],
    [`{"name":{"firstName":"${'x'.repeat(99)}😀"}}`, 'x'.repeat(99)],
    ['{"name":{"firstName":"<script>alert(1)</script>"}}', '<script>alert(1)</script>'],
  ])('sends names that are treated as untrusted text: %s', async (field, expected) => {
    oauth.person('apple', newPerson());

    expect((await backWithUser(field)).displayName).toBe(expected);
  });

  it('cannot change the email through the browser’s form fields', async () => {
    const { user } = await createUser(app);
    const person = newPerson();
    oauth.person('apple', person);

    const signedIn = await backWithUser(JSON.stringify({ name: { firstName: 'M' }, email: user.email }));

    expect(signedIn).toMatchObject({ email: person.email });
    expect(signedIn.id).not.toBe(user.id);
  });

  it.each([true, 'true'])('may send its booleans as %j', async (value) => {
    oauth.person('apple', newPerson());
    oauth.providers.control.claims('apple', { email_verified: value, is_private_email: false });

    expect((await new Browser(app).completeSignIn('apple')).searchParams.has('code')).toBe(true);
  });

  it.each([false, 'false', undefined])('does not verify an email with %j', async (value) => {
    oauth.person('apple', newPerson());
    oauth.providers.control.claims('apple', { email_verified: value });

    expect((await new Browser(app).completeSignIn('apple')).search).toBe('?error=email_unverified');
  });

  it('may send a relay email, which is stored unchanged', async () => {
    const person = newPerson({ email: relay() });
    oauth.person('apple', person);

    const signedIn = await new Browser(app).signIn('apple');

    expect(signedIn.user.email).toBe(person.email);
    expect((await signedIn.get('/v1/users/me/identities')).body.data[0].email).toBe(person.email);
  });

  it.each([new Date(), null])(
    'never links to an account by a relay email (verified: %s)',
    async (emailVerifiedAt) => {
      const { user } = await createUser(app, { email: relay(), emailVerifiedAt });
      oauth.person('apple', newPerson({ email: user.email }));

      expect((await new Browser(app).completeSignIn('apple')).search).toBe('?error=account_exists');
    },
  );

  it('never links to an account by an email marked as private', async () => {
    const { user } = await createUser(app);
    oauth.person('apple', newPerson({ email: user.email }));
    oauth.providers.control.claims('apple', { is_private_email: 'true' });

    expect((await new Browser(app).completeSignIn('apple')).search).toBe('?error=account_exists');
  });
});
