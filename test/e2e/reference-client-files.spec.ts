import { afterEach, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';

let app: TestApp | undefined;

afterEach(async () => {
  await app?.stop();
  app = undefined;
});

const files = ['', 'index.html', 'page.js', 'page.css'];

describe('GET /reference-client/', () => {
  it('serves a page that may load only files of the same origin', async () => {
    app = await TestApp.start();

    for (const file of files) {
      const answer = await app.http().get(`/reference-client/${file}`);
      expect([file, answer.status]).toEqual([file, 200]);
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/);
      expect(answer.headers['content-security-policy']).not.toContain('unsafe-inline');
    }
    const html = (await app.http().get('/reference-client/')).text;
    expect(html).not.toMatch(/<script(?![^>]+src=)|<style|\sstyle=|\son\w+=/);
    expect((await app.http().get('/reference-client/../main.ts')).status).toBe(404);
  });

  it('serves the links in mails if there is no other frontend', async () => {
    app = await TestApp.start({ settings: { FRONTEND_URL: 'http://localhost:4200' } });
    expect((await app.http().get('/verify-email?token=x')).status).toBe(404);
    await app.stop();

    app = await TestApp.start();
    expect((await app.http().get('/verify-email?token=x')).type).toBe('text/html');
  });

  it('is not part of the OpenAPI document', async () => {
    app = await TestApp.start();

    const { body } = await app.http().get('/openapi.json');

    expect(JSON.stringify(body)).not.toContain('reference-client');
  });

  it('responds 404 when it is disabled', async () => {
    app = await TestApp.start({ settings: { REFERENCE_CLIENT: 'false' } });

    for (const file of files) expect((await app.http().get(`/reference-client/${file}`)).status).toBe(404);
    expect((await app.http().get('/reset-password')).status).toBe(404);
  });
});
