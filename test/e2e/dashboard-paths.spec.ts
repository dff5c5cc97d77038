import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { TestApp } from '../support/app.ts';
import { BOARD, Dashboard } from '../support/dashboard.ts';
import { exchange } from '../support/raw-http.ts';

let app: TestApp;
let dashboard: Dashboard;

beforeAll(async () => {
  app = await TestApp.start();
  dashboard = await Dashboard.open(app);
  await app.listen();
});

afterAll(() => app.stop());

describe('the dashboard with unusual path spellings', () => {
  const paths = [
    '/admin/queues',
    '/admin/queues/',
    '/admin/queues//',
    '//admin/queues',
    '/admin//queues/api/queues',
    '/%61dmin/queues',
    '/admin/%71ueues/api/queues',
    '/admin%2fqueues/api/queues',
    '/admin/queues%2fapi%2fqueues',
    '/admin/queues/api%2fqueues',
    '/admin/queues/../queues/api/queues',
    '/admin/queues/%2e%2e/queues/api/queues',
    '/admin/./queues/api/queues',
    '/v1/../admin/queues/api/queues',
    '/reference-client/../admin/queues/api/queues',
    '/admin/queues;x',
    '/admin/queues;x=1/api/queues',
    '/admin/queues/api/queues;x',
    '/admin/queues/api/queues/',
    '/admin/queues/sign-out/../api/queues',
    '/ADMIN/QUEUES/api/queues',
    '/Admin/queues',
    '/admin/queues%00',
    '/admin/queues%20',
    '/admin\\queues',
    'http://localhost/admin/queues/api/queues',
    '/admin/queues/static/../api/queues',
    '/admin/queues/static/%2e%2e/index.ejs',
    '/admin/queues/static/js/main.f10757109b.js',
    '/admin/queues/static/..%2findex.ejs',
    '/admin/queues/api/queues?x=/health/live',
    '/admin/queues/api/queues#/health/live',
  ];

  it.each(paths)('rejects anonymous callers: %s', async (path) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await send(method, path);
      expect([method, answer]).toEqual([method, expect.stringMatching(/^HTTP\/1\.1 (40[0145]|204|415) /)]);
      expect(answer).not.toMatch(/mail-send|__UI_CONFIG__|lib-react/);
    }
  });

  it.each(paths)('rejects requests of the sign-in page: %s', async (path) => {
    const answer = await send('GET', path, ['Accept: text/html']);

    expect(answer).toMatch(/^HTTP\/1\.1 40[014] /);
    expect(answer).not.toMatch(/mail-send|__UI_CONFIG__|lib-react/);
  });

  it.each([
    'X-Original-URL: /health/live',
    'X-Rewrite-URL: /',
    'X-HTTP-Method-Override: OPTIONS',
    'X-Forwarded-Prefix: /health',
  ])('is closed to those who send %s', async (header) => {
    expect(await send('GET', '/admin/queues/api/queues', [header])).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('serves only its own files to an administrator', async () => {
    for (const path of [
      '/static/%2e%2e/index.ejs',
      '/static/..%2f..%2fpackage.json',
      '/static/..%5cindex.ejs',
    ]) {
      const answer = await send('GET', `${BOARD}${path}`, [`Cookie: ${dashboard.cookie}`]);
      expect([path, answer]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 40[034] /)]);
    }
  });

  /** Sends the path unchanged; HTTP clients would normalize it. */
  const send = (method: string, path: string, headers: string[] = []): Promise<string> => {
    const { port } = app.api.getHttpServer().address() as AddressInfo;
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headers, 'Connection: close', '', ''];
    return exchange(port, lines.join('\r\n'));
  };
});
