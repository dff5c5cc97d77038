import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { problems } from '../../src/auth/auth.de.ts';
import { de } from '../../src/reference-client/reference-client.de.ts';
import { en } from '../../src/reference-client/reference-client.texts.ts';
import { createUser } from '../factories/user.factory.ts';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';

let client: ReferenceClient;

beforeAll(async () => {
  client = await ReferenceClient.start({ worker: false });
});

afterAll(() => client?.stop());
afterEach(() => client.closeBrowser());

const languageOf = async ({ page }: Tab) => ({
  lang: await page.locator('html').getAttribute('lang'),
  title: await page.title(),
  heading: await page.getByRole('heading', { level: 1 }).textContent(),
});
const GERMAN = { lang: 'de', title: de.title, heading: de.title };
const ENGLISH = { lang: 'en', title: en.title, heading: en.title };

async function signIn(tab: Tab, locale: 'de' | 'en' | null): Promise<void> {
  const { user, password } = await createUser(client.app);
  await client.app.db.query('UPDATE users SET locale = $2 WHERE id = $1', [user.id, locale]);
  const { lang } = await languageOf(tab);
  const labels = lang === 'de' ? de : en;
  await tab.fill(labels.signIn, { [labels.email]: user.email, [labels.password]: password });
  await tab.shows(user.email);
}

describe('the language of the reference client', () => {
  it('is that of the browser, also for the errors of the API', async () => {
    const tab = await client.openBrowser('de-AT');

    await tab.fill(de.signIn, { [de.email]: 'unknown@example.com', [de.password]: 'not the password' });

    expect(await languageOf(tab)).toEqual(GERMAN);
    expect(await tab.shows(problems.INVALID_CREDENTIALS.detail)).toBe(true);
    expect(client.complaints).toEqual([]);
  });

  it('is that of the user after a sign-in, and that of the browser after the sign-out', async () => {
    const tab = await client.openBrowser('en-GB');
    await signIn(tab, 'de');

    expect(await languageOf(tab)).toEqual(GERMAN);
    const request = tab.page.waitForRequest('**/v1/users/me');
    await tab.click(de.refresh);
    expect((await request).headers()['accept-language']).toBe('de');

    await tab.click(de.signOut);
    expect(await tab.showsSignIn()).toBe(true);
    expect(await languageOf(tab)).toEqual(ENGLISH);
  });

  it('stays that of the browser for a user without a language', async () => {
    const tab = await client.openBrowser('de-DE');
    await signIn(tab, null);

    expect(await tab.shows(de.identities)).toBe(true);
    expect(await languageOf(tab)).toEqual(GERMAN);
  });

  it('is chosen by the server, for caches too', async () => {
    const get = (language: string) =>
      client.app.http().get('/reference-client/').set('accept-language', language);
    const [german, other] = [await get('de-CH, en;q=0.5'), await get('fr')];

    expect(german.text).toContain('<html lang="de">');
    expect(german.text).toContain(de.needsScript);
    expect(german.headers).toMatchObject({
      'content-language': 'de',
      vary: expect.stringContaining('Accept-Language'),
    });
    expect(other.text).toContain('<html lang="en">');
    expect(other.text).not.toMatch(/[{}]/);
  });
});
