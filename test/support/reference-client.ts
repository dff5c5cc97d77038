import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page, Request, Response } from 'playwright-core';
import { freePort } from '../../scripts/processes.ts';
import { createUser, type NewTestUser } from '../factories/user.factory.ts';
import { TestApp } from './app.ts';
import { startChromium } from './chromium.ts';
import { type Providers, startProviders } from './providers/providers.ts';

const PATIENCE_MS = 10_000;

/** The reference client in a browser, with an API on localhost and fake providers on 127.0.0.1. */
export class ReferenceClient {
  private context?: BrowserContext;
  /** Errors of the page: exceptions and blocked requests. */
  readonly complaints: string[] = [];

  private constructor(
    readonly app: TestApp,
    readonly providers: Providers,
    readonly origin: string,
    private readonly chromium: Browser,
  ) {}

  static async start({ worker = true, settings: given = {} } = {}): Promise<ReferenceClient> {
    const port = await freePort();
    // A browser treats localhost and 127.0.0.1 as two sites, like a real application and its providers.
    const origin = `http://localhost:${port}`;
    const providers = await startProviders({ publicUrl: origin });
    const settings = { ...providers.settings, PUBLIC_URL: origin, RATE_LIMIT_FACTOR: '1000', ...given };
    const app = await TestApp.start({ worker, settings });
    await app.api.listen(port, 'localhost');
    return new ReferenceClient(app, providers, origin, await startChromium());
  }

  /** The first tab of a new browser, whose user reads this language. */
  async openBrowser(locale = 'en-GB'): Promise<Tab> {
    this.context = await this.chromium.newContext({ locale });
    return this.openTab();
  }

  async openTab(origin = this.origin): Promise<Tab> {
    if (!this.context) throw new Error('Call openBrowser() first.');
    const page = await this.context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // The browser also logs error responses, which the page shows.
      const isAnswer = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isAnswer) this.complaints.push(message.text());
    });
    await page.goto(`${origin}/reference-client/`);
    await page.getByRole('heading', { level: 2 }).first().waitFor();
    return new Tab(page, this.context);
  }

  async signInWithPassword(tab: Tab, overrides: Partial<NewTestUser> = {}) {
    const { user, password } = await createUser(this.app, overrides);
    await tab.fill('Sign in', { Email: user.email, Password: password });
    if (!(await tab.shows(user.email))) throw new Error(`Signing in fails: ${await tab.message()}`);
    return { id: user.id, email: user.email, password };
  }

  async cookie(name: string) {
    const cookies = await this.context?.cookies(this.origin);
    return cookies?.find((one) => one.name === name);
  }

  async closeBrowser(): Promise<void> {
    await this.context?.close();
    this.providers.control.reset();
    this.complaints.length = 0;
  }

  async stop(): Promise<void> {
    await this.chromium.close();
    await this.app.stop();
    await this.providers.stop();
  }
}

export class Tab {
  constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
  ) {}

  click(name: string | RegExp): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Fills in and submits the form with that title. */
  async fill(title: string, values: Record<string, string>): Promise<void> {
    const form = this.page.locator('form').filter({ has: this.page.getByRole('heading', { name: title }) });
    for (const [label, value] of Object.entries(values))
      await form.getByLabel(label, { exact: true }).fill(value);
    await form.getByRole('button').click();
  }

  /** Waits for the text. Returns whether it appeared. */
  shows(text: string): Promise<boolean> {
    const found = this.page.getByText(text).first().waitFor();
    return found.then(
      () => true,
      () => false,
    );
  }

  async showsSignIn(): Promise<boolean> {
    return this.shows('Forgot password');
  }

  async message(): Promise<string | null> {
    return this.page.locator('#message').textContent();
  }

  async showAnew(): Promise<void> {
    await this.page.locator('#profile').evaluate((node) => node.remove());
    await this.click('Refresh');
  }

  setOffline(isOffline: boolean): Promise<void> {
    return this.context.setOffline(isOffline);
  }

  /** Waits for the response headers, because a stream does not end. */
  untilStreaming(path = '/v1/notifications/stream'): Promise<Response> {
    return this.page.waitForResponse((response) => new URL(response.url()).pathname === path);
  }

  /** Waits for the end of the stream, which either side may close. */
  async untilStreamEnds(): Promise<void> {
    const isStream = (request: Request) => request.url().endsWith('/notifications/stream');
    const ends = ['requestfailed', 'requestfinished'] as const;
    await Promise.race(ends.map((end) => this.page.waitForEvent(end as 'requestfailed', isStream)));
  }

  /** The labels of the visible notifications, newest first: see `notify` in test/factories/notification.factory.ts. */
  async notifications(): Promise<string[]> {
    const bodies = await this.page.locator('#notifications p').allTextContents();
    return bodies.map((body) => /“(.*)”/s.exec(body)?.[1] ?? body);
  }

  /** Records the values of the progress bars; see `progressSeen`. */
  async watchProgress(): Promise<void> {
    await this.page.evaluate(`
      window.progressSeen = [];
      new MutationObserver((changes) => window.progressSeen.push(...changes.map(({ target }) => target.value)))
        .observe(document, { subtree: true, attributes: true, attributeFilter: ['value'] });
    `);
  }

  progressSeen(): Promise<number[]> {
    return this.page.evaluate('window.progressSeen');
  }

  /** Clicks the link. Returns the downloaded file. */
  async download(): Promise<{ name: string; content: Buffer }> {
    const started = this.page.waitForEvent('download');
    await this.click('Download');
    const download = await started;
    return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
  }

  /** Simulates a tab in the background. */
  async setHidden(isHidden: boolean): Promise<void> {
    await this.page.evaluate(`
      Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    `);
  }

  /** Invalidates the first tokens sent to each path, and counts the calls. */
  async spoilTokens({ times }: { times: number }): Promise<Record<string, number>> {
    const calls: Record<string, number> = {};
    await this.page.route(/\/v1\/(users|auth\/(sessions|refresh))/, async (route) => {
      const { pathname } = new URL(route.request().url());
      const count = (calls[pathname] ?? 0) + 1;
      calls[pathname] = count;
      const headers = route.request().headers();
      const isSpoilt = headers['authorization'] && count <= times;
      await route.continue(isSpoilt ? { headers: { ...headers, authorization: 'Bearer of.bad.news' } } : {});
    });
    return calls;
  }
}
