import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';

const DAY_MS = 86_400_000;

let app: TestApp;

afterAll(() => app.stop());

describe('GET /.well-known/security.txt', () => {
  beforeAll(async () => {
    app = await TestApp.start({
      settings: { SECURITY_CONTACT: 'mailto:security@example.com, https://example.com/report' },
    });
  });

  it('names the contacts in their order, and a date less than a year ahead', async () => {
    const { status, headers, text } = await app.http().get('/.well-known/security.txt');

    const [, contacts, date] = /^((?:Contact: .+\n)+)Expires: (.+)\n$/.exec(text) ?? [];
    const aheadMs = Date.parse(String(date)) - Date.now();
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(contacts).toBe('Contact: mailto:security@example.com\nContact: https://example.com/report\n');
    expect(date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(aheadMs).toBeGreaterThan(30 * DAY_MS);
    expect(aheadMs).toBeLessThan(365 * DAY_MS);
  });

  it('is counted by the rate limit, and caches keep it for an hour', async () => {
    const { headers } = await app.http().get('/.well-known/security.txt');

    expect(headers['ratelimit']).toBeDefined();
    expect(headers['cache-control']).toBe('public, max-age=3600');
  });
});

describe('GET /.well-known/security.txt without SECURITY_CONTACT', () => {
  it('is a 404', async () => {
    const other = await TestApp.start();

    const { status, body, headers } = await other.http().get('/.well-known/security.txt');
    await other.stop();

    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'NOT_FOUND' });
    expect(headers['cache-control']).toBe('no-store');
  });
});
