import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn, visitor } from '../support/client.ts';
import { exchange } from '../support/raw-http.ts';

const MEGABYTE = 1_048_576;

let app: TestApp;
let admin: SignedIn;
let port: number;

beforeAll(async () => {
  app = await TestApp.start({ settings: { GITHUB_WEBHOOK_SECRET: 'a secret of the webhook on GitHub' } });
  admin = await signedIn(app, { role: 'admin' });
  port = Number(new URL(await app.listen()).port);
});

afterAll(() => app.stop());

describe('a compressed body', () => {
  const compress = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, 'gzip, gzip': gzipSync };
  /** One route for each way to read a body. */
  const routes: Record<string, string> = {
    '/v1/auth/login': 'application/json',
    '/v1/users/imports': 'text/csv',
    '/v1/auth/oauth/apple/callback': 'application/x-www-form-urlencoded',
    '/v1/webhooks/github': 'application/json',
  };
  const cases = Object.keys(routes).flatMap((path) =>
    Object.keys(compress).map((encoding) => [encoding, path]),
  );

  it.each(cases)('is rejected with 415: %s to %s', async (encoding, path) => {
    const bytes = compress[encoding as keyof typeof compress](Buffer.alloc(10 * MEGABYTE, ' '));

    const answer = await admin
      .post(path)
      .set({ 'content-type': routes[path]!, 'content-encoding': encoding })
      .serialize((body) => body as string)
      .send(bytes);

    expect(answer).toMatchObject({
      status: 415,
      body: {
        code: 'UNSUPPORTED_MEDIA_TYPE',
        detail: 'Compressed bodies are not supported. Send the body without Content-Encoding.',
      },
      headers: { 'accept-encoding': 'identity' },
    });
  });

  it('does not include "identity", which means no compression', async () => {
    const answer = await admin
      .patch('/v1/users/me', { displayName: 'Plain' })
      .set('content-encoding', 'identity');

    expect(answer.status).toBe(200);
  });
});

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

describe('each kind of broken input', () => {
  it.each([
    ['delete', '/v1/jobs', 'GET, HEAD, POST'],
    ['put', '/v1/auth/login', 'POST'],
    ['patch', `/v1/jobs/${ID}/retry`, 'POST'],
  ] as const)('has a method of another route: 405 with Allow: %s %s', async (method, path, allow) => {
    const answer = await app.http()[method](path);

    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe(allow);
  });

  it('has a body that is too large: 413', async () => {
    const answer = await admin.patch('/v1/users/me', { displayName: 'x'.repeat(MEGABYTE) });

    expect(answer).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
  });

  it('has a URL that is too long: 414', async () => {
    const answer = await admin.get(`/v1/users?email=${'x'.repeat(9_000)}`);

    expect(answer).toMatchObject({ status: 414, body: { code: 'URI_TOO_LONG' } });
  });

  it('has another media type: 415, with the type that the route accepts', async () => {
    const answers = await Promise.all([
      admin.post('/v1/jobs').type('application/xml').send('<job/>'),
      admin.post('/v1/jobs').type('text/csv').send('type'),
    ]);

    for (const answer of answers)
      expect(answer).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
    expect(answers[1].body.detail).toContain('application/json');
  });

  it('has headers that are too large: 431', async () => {
    const answer = await exchange(
      port,
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('application/problem+json');
  });

  it.each([
    ['NUL', 'a\0b'],
    ['half of a surrogate pair', 'a\ud83d'],
  ])('has text with %s: 422, in bodies and documents', async (_name, text) => {
    const answers = await Promise.all([
      admin.patch('/v1/users/me', { displayName: text }),
      visitor(app).register('new@example.com', { displayName: text }),
      admin.post('/v1/jobs', { type: text }),
      admin.get(`/v1/jobs?type=${encodeURIComponent(text.replace('\ud83d', '\0'))}`),
    ]);

    for (const answer of answers)
      expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  });
});
