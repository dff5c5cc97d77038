import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

const FRIEND = 'https://app.example.com';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ settings: { CORS_ORIGINS: `${FRIEND},http://localhost:5173` } });
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('every response', () => {
  const answers = {
    'a success': () => app.http().get('/'),
    'an answer to a signed-in user': () => user.get('/v1/users/me'),
    'a response without a body': () => user.get('/v1/users/me').set('if-none-match', '*'),
    'an error': () => app.http().get('/v1/users/me'),
    'an unknown route': () => app.http().get('/nothing'),
    'a malformed address': () => app.http().get('/v1/users/%zz'),
    'an address that is too long': () => app.http().get(`/?${'x'.repeat(9_000)}`),
    'a malformed body': () => app.http().post('/v1/auth/login').type('json').send('{'),
    'the documentation': () => app.http().get('/docs'),
    'the health': () => app.http().get('/health/live'),
    'a preflight': () => preflight(FRIEND),
  };

  it.each(Object.entries(answers))('carries the security headers: %s', async (_name, request) => {
    const { headers } = await request();

    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['strict-transport-security']).toMatch(/max-age=(\d{8,});? *includeSubDomains/);
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers['content-security-policy']).toContain("base-uri 'none'");
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['cross-origin-resource-policy']).toBe('same-site');
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('server');
  });

  it.each(Object.entries(answers))('carries a correlation id: %s', async (_name, request) => {
    const [given, made] = await Promise.all([request().set('x-correlation-id', 'Given.id_1-2'), request()]);

    expect(given.headers['x-correlation-id']).toBe('Given.id_1-2');
    expect(made.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['too long', 'x'.repeat(129)],
    ['empty', ''],
    ['with a blank', 'a b'],
    ['with markup', '<script>'],
    ['not ASCII', 'ä'],
  ])('has a generated correlation id if the given one is %s', async (_name, id) => {
    const { headers } = await app.http().get('/').set('x-correlation-id', id);

    expect(headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('accepts an id of 128 characters', async () => {
    const { headers } = await app.http().get('/').set('x-correlation-id', 'x'.repeat(128));

    expect(headers['x-correlation-id']).toBe('x'.repeat(128));
  });

  it.each(['/v1/users/me', '/', '/nothing', '/health/ready'])('must not be cached: %s', async (path) => {
    const { headers } = await user.get(path);

    expect(headers['cache-control']).toBe('no-store');
  });

  it.each([
    '/',
    '/v1/users/me',
    '/nothing',
    '/.well-known/jwks.json',
    '/docs',
    '/health/live',
    '/openapi.json',
  ])('names its character set: %s', async (path) => {
    const { headers } = await app.http().get(path);

    expect(headers['content-type']).toMatch(/^[\w/+-]+; charset=utf-8$/i);
  });
});

describe('a page of another origin', () => {
  it('may call the API if its origin is listed', async () => {
    const [preflighted, called] = await Promise.all([
      preflight(FRIEND),
      app.http().get('/').set('origin', FRIEND),
    ]);

    expect(preflighted.status).toBe(204);
    for (const { headers } of [preflighted, called]) {
      expect(headers['access-control-allow-origin']).toBe(FRIEND);
      expect(headers['access-control-allow-credentials']).toBe('true');
      expect(headers['vary']).toMatch(/origin/i);
    }
    expect(preflighted.headers['access-control-allow-methods']).toContain('PATCH');
    expect(preflighted.headers['access-control-allow-headers']).toContain('authorization');
    expect(called.headers['access-control-expose-headers']).toContain('x-correlation-id');
  });

  it('may read the error response', async () => {
    const answer = await app.http().get('/v1/users/me').set('origin', FRIEND);

    expect(answer.status).toBe(401);
    expect(answer.headers['access-control-allow-origin']).toBe(FRIEND);
  });

  it.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://sub.app.example.com',
    'null',
  ])('may not call the API if its origin is not listed: %s', async (origin) => {
    const [preflighted, called] = await Promise.all([
      preflight(origin),
      app.http().get('/').set('origin', origin),
    ]);

    expect(preflighted.headers).not.toHaveProperty('access-control-allow-origin');
    expect(called.headers).not.toHaveProperty('access-control-allow-origin');
    // Otherwise, a cache could return this response to a page of a listed origin.
    expect(called.headers['vary']).toMatch(/origin/i);
  });
});

describe('HEAD', () => {
  it('responds like GET, without the body', async () => {
    const [head, get] = await Promise.all([
      app.http().head('/.well-known/jwks.json'),
      app.http().get('/.well-known/jwks.json'),
    ]);

    expect(head.status).toBe(200);
    expect(head.text).toBeFalsy();
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('GET /', () => {
  it('describes the API with working links', async () => {
    const { body } = await app.http().get('/');

    expect(body.data).toMatchObject({ name: expect.any(String), version: expect.stringMatching(/^\d+\./) });
    const links = Object.values<string>(body.data.links);
    const answers = await Promise.all(links.map((path) => app.http().get(path)));
    expect(answers.map(({ status }) => status)).toEqual(links.map(() => 200));
  });
});

function preflight(origin: string) {
  return app
    .http()
    .options('/v1/users/me')
    .set('origin', origin)
    .set('access-control-request-method', 'PATCH')
    .set('access-control-request-headers', 'authorization,content-type');
}
