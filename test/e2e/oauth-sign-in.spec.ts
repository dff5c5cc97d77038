import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import { newPerson } from '../factories/person.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { visit } from '../support/providers/visit.ts';
import { times, until } from '../support/until.ts';

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp({ worker: true });
  ({ app } = oauth);
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const PASSWORD_HASH = /\$argon2id\$[^"]+/g;

const identitiesOf = (subject: string) =>
  app.db.query('SELECT * FROM identities WHERE subject = $1', [subject]);

describe.each(everyProvider)('signing in with %s', (provider) => {
  it('creates an account the first time, and finds it the next time', async () => {
    const person = newPerson();
    oauth.person(provider, person);

    const first = await new Browser(app).signIn(provider);
    const second = await new Browser(app).signIn(provider);

    expect(first.user).toMatchObject({
      email: person.email,
      emailVerified: true,
      displayName: 'Ada Lovelace',
      role: 'user',
    });
    expect(second.user).toMatchObject({ id: first.user.id, displayName: 'Ada Lovelace' });
  });

  it('identifies an account by subject: another email is still the same account', async () => {
    const person = newPerson();
    oauth.person(provider, person);
    const { user } = await new Browser(app).signIn(provider);

    const moved = { ...person, email: newPerson().email };
    oauth.person(provider, moved);
    const again = await new Browser(app).signIn(provider);

    expect(again.user).toMatchObject({ id: user.id, email: person.email });
    expect((await again.get('/v1/users/me/identities')).body.data).toEqual([
      { provider, email: moved.email, linkedAt: expect.any(String) },
    ]);
  });

  it('identifies an account by subject: another subject with an old email is another account', async () => {
    const person = newPerson();
    oauth.person(provider, person);
    await new Browser(app).signIn(provider);

    oauth.person(provider, newPerson({ email: person.email }));
    const end = await new Browser(app).completeSignIn(provider);

    expect(end.search).toBe('?error=account_exists');
  });

  it('rejects an email that the provider has not verified, whether or not an account has it', async () => {
    const { user } = await createUser(app);
    const ends: string[] = [];

    for (const email of [user.email, newPerson().email]) {
      oauth.person(provider, newPerson({ email, emailVerified: false }));
      ends.push((await new Browser(app).completeSignIn(provider)).search);
    }

    expect(ends).toEqual(['?error=email_unverified', '?error=email_unverified']);
  });

  it('links to an account with the verified email, and notifies the owner', async () => {
    const { user } = await createUser(app);
    const person = newPerson({ email: user.email.toUpperCase(), name: 'Another Name' });
    oauth.person(provider, person);

    const joined = await new Browser(app).signIn(provider);

    expect(joined.user).toMatchObject({ id: user.id, displayName: 'Test User' });
    expect((await app.mailbox.next(user.email)).subject).toBe('A sign-in provider was linked');
    const login = { email: user.email, password: 'correct horse battery' };
    expect((await app.http().post('/v1/auth/login').send(login)).status).toBe(200);
  });

  it('rejects a suspended account', async () => {
    const person = newPerson();
    oauth.person(provider, person);
    const { user } = await new Browser(app).signIn(provider);
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [user.id]);

    const ends = [await new Browser(app).completeSignIn(provider)];
    oauth.person(provider, newPerson({ email: person.email }));
    ends.push(await new Browser(app).completeSignIn(provider));

    expect(ends.map((end) => end.search)).toEqual(['?error=access_denied', '?error=access_denied']);
  });

  it('is audited without emails, including failures', async () => {
    const person = newPerson();
    oauth.person(provider, person);
    const { user } = await new Browser(app).signIn(provider);
    oauth.providers.control.hostile(provider, 'deny');
    await new Browser(app).completeSignIn(provider);

    const events = await app.db.query(
      `SELECT type, data FROM audit_events WHERE user_id = $1 ORDER BY created_at`,
      [user.id],
    );
    const [failure] = await app.db.query(
      `SELECT data FROM audit_events WHERE type = 'sign-in-failed' ORDER BY created_at DESC LIMIT 1`,
    );
    expect(events).toEqual([
      { type: 'identity-linked', data: { provider } },
      { type: 'sign-in', data: { method: provider } },
    ]);
    expect(failure.data).toEqual({ method: provider, reason: 'access_denied' });
  });

  it('stores no token of the provider', async () => {
    const person = newPerson();
    oauth.person(provider, person);
    await new Browser(app).signIn(provider);

    const tables = ['identities', 'users', 'sessions', 'oauth_attempts', 'oauth_codes', 'audit_events'];
    for (const table of tables) {
      // Without password hashes, whose random characters can contain `eyJ`.
      const rows = JSON.stringify(await app.db.query(`SELECT * FROM ${table}`)).replaceAll(PASSWORD_HASH, '');
      expect(rows).not.toMatch(/gho_|eyJ/);
    }
  });
});

describe('twenty parallel first sign-ins of one subject on two instances', () => {
  it.each(everyProvider)('create one account and one identity: %s', async (provider) => {
    const other = await app.startAnother();
    const person = newPerson();
    oauth.person(provider, person);
    // Load the metadata first, so that the requests compete in the database.
    await new Browser(app).startSignIn(provider, {}, other);

    const ends = await Promise.all(
      times(20, (index) => new Browser(app).completeSignIn(provider, {}, index % 2 ? other : undefined)),
    );

    expect(ends.map((end) => end.searchParams.has('code'))).toEqual(times(20, () => true));
    expect(await app.db.query('SELECT 1 FROM users WHERE email = $1', [person.email])).toHaveLength(1);
    expect(await identitiesOf(person.subject)).toHaveLength(1);
  });

  it('create one account, whichever of two emails comes first', async () => {
    const person = newPerson();

    const backs: (() => Promise<Response>)[] = [];
    for (const prefix of times(10, (index) => (index % 2 ? 'other-' : ''))) {
      oauth.person('github', { ...person, email: prefix + person.email });
      const browser = new Browser(app);
      const callback = await visit(locationOf(await browser.startSignIn('github')));
      backs.push(() => browser.sendCallback(callback));
    }

    // Blocks the sign-ins until both emails have an account, which is one account too many.
    const barrier = app.db.createQueryRunner();
    await barrier.startTransaction();
    await barrier.query('LOCK TABLE identities IN EXCLUSIVE MODE');
    const answering = Promise.all(backs.map((comeBack) => comeBack()));
    const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'identities'::regclass`;
    await until(async () => (await barrier.query(waiting)).length === 2, 'both to wait for the table');
    await barrier.commitTransaction();
    await barrier.release();

    const answers = await answering;
    expect(answers.map(locationOf)).toEqual(times(10, () => expect.stringContaining('?code=')));
    expect(await identitiesOf(person.subject)).toHaveLength(1);
    const users = await app.db.query('SELECT 1 FROM users WHERE email LIKE $1', [`%${person.email}`]);
    expect(users).toHaveLength(1);
  });
});

describe('Google', () => {
  it('accepts the boolean as a string, too', async () => {
    oauth.person('google', newPerson());
    oauth.providers.control.claims('google', { email_verified: 'true' });

    expect((await new Browser(app).completeSignIn('google')).searchParams.has('code')).toBe(true);
  });

  it.each([undefined, null, 1, 'yes', {}, 'false'])('does not verify an email with %j', async (value) => {
    oauth.person('google', newPerson());
    oauth.providers.control.claims('google', { email_verified: value });

    expect((await new Browser(app).completeSignIn('google')).search).toBe('?error=email_unverified');
  });
});
