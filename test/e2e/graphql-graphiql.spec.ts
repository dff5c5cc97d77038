import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { freePort } from '../../scripts/processes.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { startChromium } from '../support/chromium.ts';

describe('GraphiQL outside development', () => {
  it('does not exist', async () => {
    const app = await TestApp.start();

    const statuses = await Promise.all(
      ['/graphiql', '/graphiql/page.js'].map(async (path) => (await app.http().get(path)).status),
    );

    expect(statuses).toEqual([404, 404]);
    await app.stop();
  });
});

describe('GraphiQL in development', () => {
  let app: TestApp;
  let origin: string;
  let chromium: Browser;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    app = await TestApp.start({ settings: { NODE_ENV: 'development', PUBLIC_URL: origin } });
    await app.api.listen(port, 'localhost');
    await createUser(app, { email: 'user@example.com', password: 'development-only-user' });
    chromium = await startChromium();
  });

  afterAll(async () => {
    await chromium?.close();
    await app.stop();
  });

  it('signs in with one click, shows the schema and loads nothing from elsewhere', async () => {
    const page = await chromium.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      const { protocol, href } = new URL(request.url());
      if (protocol.startsWith('http') && !href.startsWith(origin)) complaints.push(href);
    });
    await page.goto(`${origin}/graphiql`);

    await page.click('#sign-in');
    await page.waitForSelector('.graphiql-query-editor .CodeMirror');
    await page.evaluate(
      `document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue('{ me { email } }')`,
    );
    await page.click('.graphiql-execute-button');
    await page.locator('.result-window', { hasText: 'user@example.com' }).waitFor();

    expect(complaints).toEqual([]);
  });
});
