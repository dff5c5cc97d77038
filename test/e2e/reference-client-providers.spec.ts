import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Person, ProviderName } from '../support/providers/person.ts';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';

const names = { google: 'Google', github: 'GitHub', apple: 'Apple' };

const personAt = (provider: ProviderName): Person => ({
  subject: '4711',
  email: `${provider}@example.com`,
  emailVerified: true,
  name: 'Ada Lovelace',
});

describe('the reference client and the providers', () => {
  let client: ReferenceClient;
  let tab: Tab;

  beforeAll(async () => {
    client = await ReferenceClient.start();
  });
  afterAll(() => client?.stop());

  beforeEach(async () => {
    tab = await client.openBrowser();
  });
  afterEach(() => client.closeBrowser());

  it.each(['google', 'github', 'apple'] as const)(
    'signs in with %s, and leaves no code in the URL',
    async (provider) => {
      const person = personAt(provider);
      client.providers.control.person(provider, person);

      await tab.click(`Sign in with ${names[provider]}`);

      expect(await tab.shows(`, ${person.email} (user)`)).toBe(true);
      expect(tab.page.url()).toBe(`${client.origin}/reference-client/`);
      expect(await client.cookie('__Host-refresh')).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
      expect(client.complaints).toEqual([]);
    },
  );

  it('signs in with Apple’s cross-site POST, which needs a cookie with SameSite=None', async () => {
    client.providers.control.person('apple', personAt('apple'));
    const callback = tab.page.waitForRequest((request) => request.url().includes('/apple/callback'));

    await tab.click('Sign in with Apple');

    const request = await callback;
    const headers = await request.allHeaders();
    expect(request.method()).toBe('POST');
    expect(headers['sec-fetch-site']).toBe('cross-site');
    expect(headers['cookie']).toMatch(/^__Host-oauth-apple=[\w-]+$/);
    expect(await client.cookie('__Host-oauth-apple')).toMatchObject({ sameSite: 'None', secure: true });
    expect(await tab.shows('apple@example.com')).toBe(true);
  });

  it('uses the sign-in page of a provider', async () => {
    await tab.click('Sign in with Google');
    await tab.click(/^Grace Hopper/);

    expect(await tab.shows('Grace Hopper, grace@example.com')).toBe(true);
  });

  it('shows that the user denied consent', async () => {
    await tab.click('Sign in with Apple');
    await tab.click('Deny');

    expect(await tab.shows('You denied access at the provider.')).toBe(true);
    expect(await tab.showsSignIn()).toBe(true);
  });

  it('keeps the current session when the code of a provider is invalid', async () => {
    const { email } = await client.signInWithPassword(tab);

    await tab.page.goto(`${client.origin}/reference-client/?code=${'x'.repeat(43)}`);

    expect(await tab.shows('The token is invalid or has expired.')).toBe(true);
    expect(await tab.shows(email)).toBe(true);
  });

  it('links a provider and unlinks it', async () => {
    await client.signInWithPassword(tab);
    client.providers.control.person('github', { ...personAt('github'), subject: '4712' });

    await tab.click('Link GitHub');
    expect(await tab.shows('GitHub is linked.')).toBe(true);
    await tab.click('Unlink GitHub');

    expect(await tab.shows('Link GitHub')).toBe(true);
    expect(client.complaints).toEqual([]);
  });
});
