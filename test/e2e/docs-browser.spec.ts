import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { freePort } from '../../scripts/processes.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { startChromium } from '../support/chromium.ts';
import { openapi } from '../support/openapi.ts';

describe('the page of the API documentation', () => {
  let app: TestApp;
  let origin: string;
  let chromium: Browser;
  let page: Page;
  /** Errors, and requests to other hosts. */
  const complaints: string[] = [];

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    app = await TestApp.start({ settings: { NODE_ENV: 'development', PUBLIC_URL: origin } });
    await app.api.listen(port, 'localhost');
    await createUser(app, { email: 'user@example.com', password: 'development-only-user' });
    chromium = await startChromium();
    page = await chromium.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      const { protocol, href } = new URL(request.url());
      if (protocol.startsWith('http') && !href.startsWith(origin)) complaints.push(href);
    });
    await page.goto(`${origin}/docs#tag/users/GET/v1/users/me`);
  });

  afterAll(async () => {
    await chromium?.close();
    await app.stop();
  });

  it('lists the operations by tag', async () => {
    const navigation = page.getByRole('complementary', { name: 'Sidebar' });
    await navigation.getByText('Get your profile').waitFor();

    const text = await navigation.innerText();
    expect(openapi.tags.filter(({ name }) => !text.includes(name))).toEqual([]);
  });

  it('signs in as the seeded user with one click, and then tries a protected route', async () => {
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Signed in as user@example.com').waitFor();

    await page
      .getByRole('button', { name: /test request.*\/v1\/users\/me/i })
      .first()
      .click();
    await page.getByRole('dialog').getByRole('button', { name: /^send/i }).first().click();

    await page.getByText('200 OK').waitFor();
    const email = page.getByRole('dialog').getByText('"user@example.com"');
    await email.waitFor();
    expect(await email.count()).toBe(1);
  });

  it('loads nothing from other hosts', () => {
    expect(complaints).toEqual([]);
  });
});

describe('the page outside development', () => {
  it('fills in no password', async () => {
    const app = await TestApp.start();

    expect((await app.http().get('/docs')).text).toContain('data-seeded="no"');
    await app.stop();
  });
});
