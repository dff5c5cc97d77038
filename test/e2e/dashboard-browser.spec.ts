import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { freePort } from '../../scripts/processes.ts';
import { mailSend } from '../../src/mail/mail.service.ts';
import { enqueue } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { startChromium } from '../support/chromium.ts';
import { backends } from '../support/queue-data.ts';
import { until } from '../support/until.ts';

const PATIENCE_MS = 10_000;

describe.each(backends)('the dashboard in a browser, on %s', (backend) => {
  let app: TestApp;
  let origin: string;
  let chromium: Browser;
  let context: BrowserContext;
  let page: Page;
  /** Exceptions, blocked resources and requests to other origins. Must stay empty. */
  let complaints: string[];

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    // No worker runs, so jobs stay queued.
    app = await TestApp.start({ backend, settings: { PUBLIC_URL: origin, REFERENCE_CLIENT: 'false' } });
    await app.api.listen(port, 'localhost');
    chromium = await startChromium();
    for (let count = 0; count < 3; count += 1) await enqueue(app, mailSend, { mailId: randomUUID() });
  });

  afterAll(async () => {
    await chromium?.close();
    await app.stop();
  });

  beforeEach(async () => {
    complaints = [];
    context = await chromium.newContext();
    page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // The browser logs the first responses, which are 401.
      const isAnswer = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isAnswer) complaints.push(message.text());
    });
    page.on('request', (request) => {
      const isOwn = [origin, 'data:', 'blob:'].some((start) => request.url().startsWith(start));
      if (!isOwn) complaints.push(request.url());
    });
  });

  afterEach(async () => {
    await context.close();
  });

  async function signIn(role: 'admin' | 'user', password?: string): Promise<void> {
    const person = await createUser(app, { role });
    await page.goto(`${origin}/admin/queues`);
    await page.getByLabel('Email').fill(person.user.email);
    await page.getByLabel('Password').fill(password ?? person.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** All cookies except that of the known device, which outlives the session. */
  const sessionCookies = async () => (await context.cookies()).filter(({ name }) => name !== '__Host-device');

  const link = (name: string) => page.getByRole('link', { name }).first();

  it('asks for an administrator and shows the queues with their waiting jobs', async () => {
    await signIn('admin');

    await link('mail-send').waitFor();
    await link('mail-send').click();
    await page.getByRole('link', { name: /Waiting\s*3/i }).waitFor();
    expect(await page.getByText('user-export').count()).toBeGreaterThan(0);
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(complaints).toEqual([]);
  });

  it('pauses and resumes a queue and rejects unsupported actions', async () => {
    await signIn('admin');
    await link('mail-send').click();
    const act = async (name: string) => {
      // The page has reloaded its data and closed the open menu.
      await page.getByRole('link', { name: /Waiting\s*3/i }).waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.locator('main [aria-haspopup=menu]').first().click();
      await page.getByRole('menuitem', { name, exact: true }).click();
      await page.getByRole('button', { name: 'Confirm' }).click();
    };

    await act('Pause');
    await until(isPaused, 'the queue to be paused');
    await page.getByRole('link', { name: /Waiting\s*3/i }).waitFor();
    await act('Resume');
    await until(async () => !(await isPaused()), 'the queue to be resumed');
    await act('Empty');
    await page.getByText('Change jobs through the API').waitFor();
    expect(complaints).toEqual([]);
  });

  it('opens again without a password while the user is signed in', async () => {
    await signIn('admin');
    await link('mail-send').waitFor();
    await context.clearCookies({ name: '__Host-dashboard' });
    await page.evaluate('sessionStorage.clear()');

    await page.goto(`${origin}/admin/queues/queue/mail-send`);

    await page.getByRole('link', { name: /Waiting\s*3/i }).waitFor();
    expect(await page.getByLabel('Password').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows an error to a user who is not an administrator, and signs them out', async () => {
    await signIn('user');

    await page.getByRole('alert').getByText('This account is not an administrator.').waitFor();
    expect(await sessionCookies()).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('shows an error for a wrong password and allows another attempt at once', async () => {
    await signIn('admin', 'not the password');

    await page.getByRole('alert').getByText('Email or password is wrong.').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('email');
    expect(complaints).toEqual([]);
  });

  it('needs a new sign-in after signing out', async () => {
    await signIn('admin');
    await link('mail-send').waitFor();

    await page.goto(`${origin}/admin/queues/sign-out`);
    await page.getByRole('button', { name: 'Sign out' }).click();

    await page.getByText('Signed out.').waitFor();
    expect(await sessionCookies()).toEqual([]);
    await page.goto(`${origin}/admin/queues`);
    await page.getByLabel('Password').waitFor();
    expect(complaints).toEqual([]);
  });

  it.each([
    ['another account has signed in', 'user'],
    ['the user is signed out', undefined],
  ] as const)('signs out where %s in the meantime', async (_name, role) => {
    await signIn('admin');
    await link('mail-send').waitFor();
    await context.clearCookies({ name: '__Host-refresh' });
    if (role) {
      const { user, password } = await createUser(app, { role });
      const data = { email: user.email, password, refreshTokenIn: 'cookie' };
      await page.request.post(`${origin}/v1/auth/login`, { data, headers: { origin } });
    }

    await page.goto(`${origin}/admin/queues/sign-out`);
    await page.getByRole('button', { name: 'Sign out' }).click();

    await page.getByText('Signed out.').waitFor();
    expect(await sessionCookies()).toEqual([]);
  });

  async function isPaused(): Promise<boolean> {
    const queues = await page.evaluate(`fetch('/admin/queues/api/queues').then((answer) => answer.json())`);
    const all = (queues as { queues: { name: string; isPaused: boolean }[] }).queues;
    return all.find(({ name }) => name === 'mail-send')!.isPaused;
  }
});
