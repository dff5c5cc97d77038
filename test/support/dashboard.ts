import type { Test } from 'supertest';
import type { TestApp } from './app.ts';
import { type SignedIn, signedIn } from './client.ts';

export const BOARD = '/admin/queues';
export const SESSION = '/v1/admin/queues/session';

/** An administrator's browser on the dashboard: sends the cookie and the Referer. */
export class Dashboard {
  private constructor(
    private readonly app: TestApp,
    readonly admin: SignedIn,
    readonly cookie: string,
  ) {}

  static async open(app: TestApp, admin?: SignedIn): Promise<Dashboard> {
    const opener = admin ?? (await signedIn(app, { role: 'admin' }));
    const answer = await opener.post(SESSION);
    if (answer.status !== 204) throw new Error(`Opening the dashboard failed: ${answer.text}`);
    return new Dashboard(app, opener, cookieIn(answer.headers));
  }

  get(path: string): Test {
    return this.app.http().get(`${BOARD}${path}`).set('cookie', this.cookie);
  }

  put(path: string, headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' }): Test {
    return this.app.http().put(`${BOARD}${path}`).set('cookie', this.cookie).set(headers);
  }

  /** The numbers of jobs in one queue, by state. */
  async counts(type: string): Promise<Record<string, number>> {
    return (await this.queue(type)).counts;
  }

  async queue(type: string): Promise<{ name: string; isPaused: boolean; counts: Record<string, number> }> {
    const queues = (await this.get('/api/queues')).body.queues as { name: string }[];
    return queues.find(({ name }) => name === type) as Awaited<ReturnType<typeof this.queue>>;
  }
}

/** `name=value` of the only cookie that was set. */
export function cookieIn(headers: Record<string, unknown>): string {
  const [line] = headers['set-cookie'] as string[];
  return line!.split(';')[0]!;
}
