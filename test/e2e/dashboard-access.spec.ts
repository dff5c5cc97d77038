import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Config } from '../../src/platform/config/config.ts';
import { MacService } from '../../src/platform/security/mac.service.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { BOARD, Dashboard, SESSION } from '../support/dashboard.ts';
import { captureLogs } from '../support/logs.ts';

const OWN = 'http://own.example.com';

let app: TestApp;
let dashboard: Dashboard;

beforeAll(async () => {
  app = await TestApp.start({ settings: { PUBLIC_URL: OWN, CORS_ORIGINS: 'https://app.example.com' } });
  // The API never deletes the last administrator.
  await signedIn(app, { role: 'admin' });
  dashboard = await Dashboard.open(app);
});

afterAll(() => app.stop());

describe('POST /v1/admin/queues/session', () => {
  it('sets a cookie for 15 minutes that scripts and other sites can’t use', async () => {
    const answer = await dashboard.admin.post(SESSION);

    expect(answer.status).toBe(204);
    const [line = ''] = answer.headers['set-cookie'] as unknown as string[];
    const [pair, ...attributes] = line.split('; ');
    expect(pair).toMatch(/^__Host-dashboard=[0-9a-f-]{36}\.\d{10}\.[\w-]{43}$/);
    expect(new Set(attributes)).toEqual(
      new Set(['Max-Age=900', 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict']),
    );
  });

  it('sets no cookie for other callers', async () => {
    const user = await signedIn(app);

    const answers = [await app.http().post(SESSION), await user.post(SESSION)];

    expect(answers.map(({ status }) => status)).toEqual([401, 403]);
    for (const { headers } of answers) expect(headers['set-cookie']).toBeUndefined();
  });
});

describe('DELETE /v1/admin/queues/session', () => {
  it('deletes the cookie for any caller', async () => {
    const user = await signedIn(app);

    for (const request of [
      dashboard.admin.delete(SESSION),
      user.delete(SESSION),
      app.http().delete(SESSION),
    ]) {
      const answer = await request.set('sec-fetch-site', 'same-origin');
      expect(answer.status).toBe(204);
      expect(answer.headers['set-cookie']?.[0]).toMatch(/^__Host-dashboard=; .*Expires=Thu, 01 Jan 1970/);
    }
  });

  it.each<Record<string, string>>([
    {},
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://app.example.com' },
  ])('is rejected from pages of other sites: %j', async (headers) => {
    const answer = await app.http().delete(SESSION).set(headers);

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('the cookie of the dashboard', () => {
  it('opens page, files and API', async () => {
    const page = await dashboard.get('');
    const script = /<script defer src="(static\/js\/main[^"]+)"/.exec(page.text)?.[1];

    const answers = [page, await dashboard.get(`/${script}`), await dashboard.get('/api/queues')];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it.each(['', '/', '/queue/mail-send', '/api/queues', '/static/favicon.ico'])(
    'is needed for /admin/queues%s',
    async (path) => {
      for (const method of ['get', 'head'] as const) {
        const answer = await app.http()[method](`${BOARD}${path}`);
        expect([method, answer.status]).toEqual([method, 401]);
      }
    },
  );

  it('is rejected with a problem document, or with a page for a browser', async () => {
    const forScript = await app.http().get(`${BOARD}/api/queues`);
    const forPerson = await app.http().get(BOARD).set('accept', 'text/html,application/xhtml+xml');

    expect(forScript.body).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(forScript.type).toBe('application/problem+json');
    expect([forPerson.status, forPerson.type]).toEqual([401, 'text/html']);
    expect(forPerson.headers['content-security-policy']).not.toContain('unsafe-inline');
    expect(forPerson.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(forPerson.text).not.toMatch(/<script(?![^>]+src=)|<style|\sstyle=|\son\w+=/);
  });

  it('is rejected if it is changed, expired or signed for another purpose', async () => {
    const [name, value = ''] = dashboard.cookie.split('=');
    const [sessionId, expiresAt, mac = ''] = value.split('.');
    const macs = new MacService(app.api.get(Config));
    const past = `${sessionId}.${Math.floor(Date.now() / 1_000) - 1}`;
    const later = `${sessionId}.${Number(expiresAt) + 1}`;
    const forged = [
      '',
      'x',
      `${later}.${mac}`,
      `${sessionId}.${expiresAt}.${mac.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
      `${past}.${macs.sign('dashboard', past)}`,
      `${later}.${macs.sign('cursor', later)}`,
    ];

    for (const one of forged) {
      const answer = await app.http().get(`${BOARD}/api/queues`).set('cookie', `${name}=${one}`);
      expect([one, answer.status]).toEqual([one, 401]);
    }
    const good = await app
      .http()
      .get(`${BOARD}/api/queues`)
      .set('cookie', `${name}=${later}.${macs.sign('dashboard', later)}`);
    expect(good.status).toBe(200);
  });

  it('is not the access token', async () => {
    expect((await dashboard.admin.get(`${BOARD}/api/queues`)).status).toBe(401);
  });

  it.each<[string, (admin: SignedIn, other: SignedIn) => Promise<unknown>, number]>([
    ['has signed out', (admin) => admin.post('/v1/auth/logout'), 401],
    ['was suspended', (admin, other) => other.patch(accountOf(admin), { status: 'suspended' }), 401],
    ['is no administrator any more', (admin, other) => other.patch(accountOf(admin), { role: 'user' }), 401],
    [
      'lost the role only in the database',
      (admin) => app.db.query(`UPDATE users SET role = 'user' WHERE id = $1`, [admin.user.id]),
      403,
    ],
    [
      'has a session that ended before all access tokens expired',
      (admin) =>
        app.db.query(`UPDATE sessions SET revoked_at = now() - interval '1 hour' WHERE user_id = $1`, [
          admin.user.id,
        ]),
      401,
    ],
  ])('is rejected for a user who %s', async (_name, fall, status) => {
    const opened = await Dashboard.open(app);
    expect((await opened.get('/api/queues')).status).toBe(200);

    await fall(opened.admin, dashboard.admin);

    for (const path of ['', '/api/queues', '/static/favicon.ico']) {
      expect((await opened.get(path)).status).toBe(status);
    }
    expect((await opened.get('').set('accept', 'text/html')).text).toContain('Sign in');
  });
});

describe('a dashboard request that changes data', () => {
  const PAUSE = '/api/queues/user-erase/pause';

  it.each<Record<string, string>>([
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'same-origin', origin: OWN },
    { origin: OWN },
  ])('is accepted from our own pages: %j', async (headers) => {
    expect((await dashboard.put(PAUSE, headers)).status).toBe(200);
  });

  it.each<Record<string, string>>([
    {},
    { 'sec-fetch-site': 'cross-site', origin: OWN },
    { 'sec-fetch-site': 'same-site', origin: 'https://app.example.com' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://app.example.com' },
    { origin: 'null' },
    { origin: `${OWN}.evil.example` },
    { referer: `${OWN}/admin/queues` },
  ])('is rejected from any other page: %j', async (headers) => {
    const answer = await dashboard.put(PAUSE, headers);

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it('is logged with the administrator', async () => {
    const log = captureLogs(app.api);

    await dashboard.put(PAUSE);

    const line = log.lines().find(({ msg }) => msg === 'Dashboard action');
    const { user } = dashboard.admin;
    expect(line).toMatchObject({ action: 'pause', queueName: 'user-erase', userId: user.id });
  });

  it('is rejected without the cookie from any page', async () => {
    const answer = await app.http().put(`${BOARD}${PAUSE}`).set('sec-fetch-site', 'same-origin');

    expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
  });
});

describe('the responses of the dashboard', () => {
  it.each(['', '/queue/mail-send', '/api/queues', '/static/favicon.ico'])(
    'forbid framing and shared caching: %s',
    async (path) => {
      const { status, headers } = await dashboard.get(path);

      expect(status).toBe(200);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers['cache-control']).toBe(path.startsWith('/static') ? 'private, no-cache' : 'no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toMatch(/deny/i);
      expect(headers['x-correlation-id']).toBeTruthy();
    },
  );

  it('load nothing from other origins', async () => {
    expect((await dashboard.get('')).text).not.toMatch(/https?:\/\//);
  });

  it('are not part of the OpenAPI document', async () => {
    const { body } = await app.http().get('/openapi.json');

    const paths = Object.keys(body.paths as object).filter((path) => path.includes('admin/queues'));
    expect(paths).toEqual([SESSION]);
  });

  it('have the usual problem document for an unknown path', async () => {
    expect((await app.http().get(`${BOARD}/nothing`)).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const answer = await app.http().post(BOARD);
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });
});

const accountOf = ({ user }: SignedIn): string => `/v1/users/${user.id}`;
