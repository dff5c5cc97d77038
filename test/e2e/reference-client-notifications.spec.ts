import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../../scripts/processes.ts';
import { notify } from '../factories/notification.factory.ts';
import { login } from '../support/client.ts';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';
import { times, until } from '../support/until.ts';

describe('the notifications of the reference client', () => {
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

  /** Waits until this many are visible. Returns their labels. */
  const shown = (where: Tab, count: number) =>
    until(async () => {
      const labels = await where.notifications();
      return labels.length >= count && labels;
    }, `${count} notifications`);

  async function signInLive(where: Tab) {
    const streaming = where.untilStreaming();
    const who = await client.signInWithPassword(where);
    await streaming;
    return who;
  }

  it('appear without a reload, are counted, and are announced to screen readers', async () => {
    const { id } = await signInLive(tab);

    await notify(client.app, id, { label: 'first' });
    expect(await shown(tab, 1)).toEqual(['first']);
    await notify(client.app, id, { label: 'second' });

    expect(await shown(tab, 2)).toEqual(['second', 'first']);
    expect(await tab.shows('Notifications (2 unread)')).toBe(true);
    expect(await tab.page.getByRole('status').getByText('New: Job completed').count()).toBe(1);
    expect(await tab.page.getByRole('region', { name: 'Notifications (2 unread)' }).count()).toBe(1);
    expect(client.complaints).toEqual([]);
  });

  it('are shown as plain text', async () => {
    const { id } = await signInLive(tab);
    const markup = '<img src=x onerror="document.title=1"><b>bold</b>';

    await notify(client.app, id, { label: markup });

    expect(await shown(tab, 1)).toEqual([markup]);
    expect(await tab.page.locator('#notifications img, #notifications b').count()).toBe(0);
    expect(client.complaints).toEqual([]);
  });

  it('are shown page by page, each once', async () => {
    const { id, email, password } = await signInLive(tab);
    const titles = times(12, (n) => `number ${n}`);
    for (const title of titles) await notify(client.app, id, { label: title });
    await tab.page.reload();
    expect(await shown(tab, 10)).toEqual(titles.slice(2).toReversed());

    await tab.click('Older');

    expect(await shown(tab, 12)).toEqual(titles.toReversed());
    await until(async () => !(await tab.page.getByText('Older').isVisible()), 'the end of the list');
    const { accessToken } = await login(client.app, email, password);
    const list = client.app.http().get('/v1/notifications').set('authorization', `Bearer ${accessToken}`);
    expect((await list).body.meta.unreadCount).toBe(12);
    expect(await tab.shows('Notifications (12 unread)')).toBe(true);
  });

  it('are marked as read with the keyboard, in every tab', async () => {
    const { id } = await signInLive(tab);
    const other = await client.openTab();
    for (const title of ['a', 'b', 'c']) await notify(client.app, id, { label: title });
    for (const each of [tab, other]) expect(await shown(each, 3)).toEqual(['c', 'b', 'a']);

    await tab.page.getByRole('button', { name: 'Mark as read: Job completed' }).nth(1).focus();
    await tab.page.keyboard.press('Enter');

    for (const each of [tab, other]) {
      expect(await each.shows('Notifications (2 unread)')).toBe(true);
      expect(await each.page.locator('#notifications .unread').count()).toBe(2);
    }
    const focused = await tab.page.locator('#notifications li:focus p').textContent();
    expect(focused).toContain('“b”');

    await other.click('Mark all as read');
    for (const each of [tab, other]) {
      await until(async () => !(await each.page.getByText('unread)').count()), 'nothing unread');
      expect(await each.page.locator('#notifications .unread').count()).toBe(0);
    }
  });

  it.each([{ before: [] }, { before: ['before'] }])(
    'appear once after the server was killed and restarted, after $before.length others',
    async ({ before }) => {
      const port = await freePort();
      const origin = `http://localhost:${port}`;
      const settings = { PORT: String(port), PUBLIC_URL: origin };
      const server = await client.app.startAnother(settings);
      const there = await client.openTab(origin);
      const { id } = await signInLive(there);
      for (const title of before) await notify(client.app, id, { label: title });
      expect(await shown(there, before.length)).toEqual(before);

      await server.end('SIGKILL');
      for (const title of ['missed', 'missed too']) await notify(client.app, id, { label: title });
      await client.app.startAnother(settings);

      const missed = ['missed too', 'missed', ...before];
      expect(await shown(there, missed.length)).toEqual(missed);
      await notify(client.app, id, { label: 'after' });
      expect(await shown(there, missed.length + 1)).toEqual(['after', ...missed]);
      expect(await there.shows(`Notifications (${missed.length + 1} unread)`)).toBe(true);
    },
  );

  it('continue with a new token when the token of the stream has expired', async () => {
    const { id } = await signInLive(tab);
    const body = 'event: end\ndata: {"reason":"token-expired"}\n\n';
    await tab.page.route(/notifications\/stream/, (route) => route.fulfill({ body }), { times: 1 });
    const answered: string[] = [];
    tab.page.on('response', (answer) => answered.push(new URL(answer.url()).pathname));

    await tab.page.reload();
    const streams = () => answered.filter((path) => path === '/v1/notifications/stream');
    await until(() => streams().length === 2, 'a second stream');

    // One for the reload, and one for the stream.
    expect(answered.filter((path) => path === '/v1/auth/refresh')).toHaveLength(2);
    await notify(client.app, id, { label: 'live' });
    expect(await shown(tab, 1)).toEqual(['live']);
  });

  it('stop when the session is revoked on any device', async () => {
    const { email, password } = await signInLive(tab);
    const elsewhere = await login(client.app, email, password);
    const own = await client.app.db.query<{ id: string }[]>(
      `SELECT id FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = $1) ORDER BY created_at LIMIT 1`,
      [email],
    );

    await client.app
      .http()
      .delete(`/v1/auth/sessions/${own[0]?.id}`)
      .set('authorization', `Bearer ${elsewhere.accessToken}`);

    expect(await tab.showsSignIn()).toBe(true);
    expect(await tab.page.locator('#notifications').count()).toBe(0);
  });

  it('stop after a sign-out, without further requests', async () => {
    await signInLive(tab);
    const ended = tab.untilStreamEnds();
    const paths: string[] = [];
    tab.page.on('request', (request) => paths.push(new URL(request.url()).pathname));

    await tab.click('Sign out');

    expect(await tab.showsSignIn()).toBe(true);
    await ended;
    expect(paths).toContain('/v1/auth/logout');
    expect(paths).not.toContain('/v1/notifications/stream');
    expect(await tab.page.locator('#notifications').count()).toBe(0);
    expect(client.complaints).toEqual([]);
  });

  it('hold no connection while the tab is hidden', async () => {
    const { id } = await signInLive(tab);
    const ended = tab.untilStreamEnds();

    await tab.setHidden(true);
    await ended;
    await notify(client.app, id, { label: 'while hidden' });
    const resumed = tab.untilStreaming();
    await tab.setHidden(false);
    await resumed;

    expect(await shown(tab, 1)).toEqual(['while hidden']);
  });
});
