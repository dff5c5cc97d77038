import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { login } from '../support/client.ts';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';
import { until } from '../support/until.ts';

describe('the reference client', () => {
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

  it('signs in with a password, and keeps no token where a script can read it', async () => {
    await client.signInWithPassword(tab);

    expect(await client.cookie('__Host-refresh')).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: 'Strict',
      path: '/',
    });
    const readable = '[document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)]';
    expect(await tab.page.evaluate(readable)).toEqual(['', '{}', '{}']);
    expect(client.complaints).toEqual([]);
  });

  it('shows the error of the API', async () => {
    await tab.fill('Sign in', { Email: 'unknown@example.com', Password: 'not the password' });

    expect(await tab.shows('Email or password is wrong. Try again, or reset the password.')).toBe(true);
  });

  it('registers, verifies the email with the link in the mail, and is signed in', async () => {
    const email = `new-${Date.now()}@example.com`;
    const password = 'a long enough phrase';
    await tab.fill('Register', { Name: 'New Body', Email: email, 'New password': password });

    await tab.page.goto(`${client.origin}/verify-email?token=${await client.app.mailbox.token(email)}`);
    await tab.fill('Verify email', { Password: password });

    expect(await tab.shows(`New Body, ${email}`)).toBe(true);
    // The token is no longer in the URL, where it could be copied.
    expect(tab.page.url()).toBe(`${client.origin}/verify-email`);
    expect(client.complaints).toEqual([]);
  });

  it('survives a reload by refreshing once', async () => {
    const { email } = await client.signInWithPassword(tab);
    const calls = await tab.spoilTokens({ times: 0 });

    await tab.page.reload();

    expect(await tab.shows(email)).toBe(true);
    expect(calls['/v1/auth/refresh']).toBe(1);
  });

  it('refreshes once for parallel calls whose token has expired, and repeats each of them', async () => {
    const { email } = await client.signInWithPassword(tab);
    const calls = await tab.spoilTokens({ times: 1 });

    await tab.showAnew();

    expect(await tab.shows(email)).toBe(true);
    expect(calls).toEqual({
      '/v1/users/me': 2,
      '/v1/users/me/permissions': 2,
      '/v1/auth/sessions': 2,
      '/v1/users/me/identities': 2,
      '/v1/auth/refresh': 1,
    });
  });

  it('repeats a call only once', async () => {
    await client.signInWithPassword(tab);
    const calls = await tab.spoilTokens({ times: 100 });

    await tab.showAnew();

    expect(await tab.shows('')).toBe(true);
    await until(() => calls['/v1/users/me'] === 2 && calls['/v1/auth/sessions'] === 2, 'the repetitions');
    // Long enough for another attempt.
    await sleep(300);
    expect(calls).toMatchObject({ '/v1/users/me': 2, '/v1/auth/sessions': 2, '/v1/auth/refresh': 1 });
  });

  it('stays signed in when the server cannot be reached for a while', async () => {
    const { email } = await client.signInWithPassword(tab);
    await tab.setOffline(true);
    await tab.click('Refresh');
    expect(await tab.shows('Failed to fetch')).toBe(true);
    await tab.setOffline(false);

    await tab.page.reload();

    expect(await tab.shows(email)).toBe(true);
  });

  it('shows the sign-in form when the refresh fails with another error than 401', async () => {
    await client.signInWithPassword(tab);
    await tab.page.route('**/v1/auth/refresh', (route) => route.fulfill({ status: 403, body: '{}' }));

    await tab.page.reload();

    expect(await tab.shows('Forgot password')).toBe(true);
  });

  it('signs out, and is signed out after a reload too', async () => {
    await client.signInWithPassword(tab);

    await tab.click('Sign out');
    expect(await tab.showsSignIn()).toBe(true);
    await tab.page.reload();

    expect(await tab.showsSignIn()).toBe(true);
    expect(await client.cookie('__Host-refresh')).toBeUndefined();
  });

  it('is signed in in another tab, and signed out of all of them at once', async () => {
    const { email } = await client.signInWithPassword(tab);
    const other = await client.openTab();
    expect(await other.shows(email)).toBe(true);

    await other.click('Sign out');

    expect(await other.showsSignIn()).toBe(true);
    expect(await tab.showsSignIn()).toBe(true);
  });

  it('refreshes in one tab at a time', async () => {
    const { email } = await client.signInWithPassword(tab);
    const other = await client.openTab();
    await other.shows(email);
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>();
    const sent: Tab[] = [];
    for (const each of [tab, other]) {
      await each.spoilTokens({ times: 1 });
      await each.page.route('**/v1/auth/refresh', async (route) => {
        sent.push(each);
        await isReleased;
        await route.continue();
      });
    }

    await tab.showAnew();
    await until(() => sent.length === 1, 'the refresh of the first tab');
    const rejected = other.page.waitForResponse((response) => response.status() === 401);
    await other.showAnew();
    await rejected;
    // Long enough for a second refresh.
    await sleep(300);

    expect(sent.map((each) => each === tab)).toEqual([true]);
    release();
    for (const each of [tab, other]) expect(await each.shows(email)).toBe(true);
    expect(sent.map((each) => each === tab)).toEqual([true, false]);
  });

  it('never continues as one user after another user has signed in in another tab', async () => {
    const first = await client.signInWithPassword(tab);
    const other = await client.openTab();
    await other.click('Sign out');
    expect(await other.showsSignIn()).toBe(true);

    const second = await client.signInWithPassword(other);

    expect(await tab.shows(second.email)).toBe(true);
    expect(await tab.page.getByText(first.email).count()).toBe(0);
  });

  it('never shows data that was loaded before another user signed in in another tab', async () => {
    const other = await client.openTab();
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>();
    let held = 0;
    await tab.page.route(
      '**/v1/auth/oauth',
      async (route) => {
        held += 1;
        await isReleased;
        await route.continue();
      },
      { times: 1 },
    );
    await other.page.evaluate(`new BroadcastChannel('session').postMessage('changed')`);
    await until(() => held === 1, 'the sign-in page to be loading');
    const { email } = await client.signInWithPassword(other);
    expect(await tab.shows(email)).toBe(true);

    const late = tab.page.waitForResponse('**/v1/auth/oauth');
    release();
    await (await late).finished();
    await tab.page.evaluate('new Promise(requestAnimationFrame)');

    expect(await tab.page.getByText(email).count()).toBe(1);
  });

  it('shows the sessions and revokes another one', async () => {
    const { email, password } = await client.signInWithPassword(tab);
    const { refreshToken } = await login(client.app, email, password);
    await tab.click('Refresh');

    await tab.click('End');

    await until(async () => (await tab.page.locator('#sessions li').count()) === 1, 'one session');
    const answer = await client.app.http().post('/v1/auth/refresh').send({ refreshToken });
    expect(answer.status).toBe(401);
  });
});
