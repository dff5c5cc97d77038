import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { ConfigError, loadConfig } from '../../src/platform/config/config.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

const ORIGIN = 'https://app.example.com';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({
    settings: {
      API_DOCS: 'true',
      CORS_ORIGINS: ORIGIN,
      CORS_ALLOWED_HEADERS: 'X-Requested-With, x-device',
      CORS_EXPOSED_HEADERS: 'x-total',
      JSON_BODY_MAX_KIB: '200',
      ACCESS_TOKEN_SECONDS: '43200',
      AUTH_SCHEMES: 'Token',
    },
  });
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('CORS_ALLOWED_HEADERS and CORS_EXPOSED_HEADERS', () => {
  it('add headers to those that the API needs', async () => {
    const preflight = await app
      .http()
      .options('/v1/jobs')
      .set({ origin: ORIGIN, 'access-control-request-method': 'POST' });
    const { headers } = await user.get('/v1/jobs').set('origin', ORIGIN);

    const allowed = String(preflight.headers['access-control-allow-headers']).split(/, ?/);
    const exposed = String(headers['access-control-expose-headers']).split(/, ?/);
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'x-requested-with', 'x-device']));
    expect(exposed).toEqual(expect.arrayContaining(['etag', 'x-total']));
  });
});

describe('JSON_BODY_MAX_KIB', () => {
  const send = (bytes: number) =>
    app
      .http()
      .post('/v1/auth/login')
      .send({ email: 'x'.repeat(bytes - '{"email":""}'.length) });

  it('is the size of the largest body', async () => {
    const [largest, tooLarge] = await Promise.all([send(200 * 1024), send(200 * 1024 + 1)]);

    expect(largest).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(tooLarge).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
  });
});

describe('ACCESS_TOKEN_SECONDS', () => {
  it('is the lifetime of a token, and in the OpenAPI document', async () => {
    const { exp = 0, iat = 0 } = decodeJwt(user.accessToken);
    const { body } = await app.http().get('/openapi.json');

    expect(exp - iat).toBe(43_200);
    expect(body.components.securitySchemes.bearer.description).toContain('valid for 720 minutes');
  });
});

describe('AUTH_SCHEMES', () => {
  const me = (authorization: string) => app.http().get('/v1/users/me').set('authorization', authorization);

  it.each(['Bearer', 'Token', 'token'])('accepts a token after %s', async (scheme) => {
    expect((await me(`${scheme} ${user.accessToken}`)).status).toBe(200);
  });

  it.each(['Basic', 'Tokens', ''])('rejects a token after %p, and names the schemes', async (scheme) => {
    const answer = await me(`${scheme} ${user.accessToken}`);

    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token", Token');
  });

  it('is in the OpenAPI document', async () => {
    const { body } = await app.http().get('/openapi.json');

    expect(body.components.securitySchemes.token).toMatchObject({ type: 'http', scheme: 'token' });
    expect(body.paths['/v1/users/me'].get.security).toEqual([{ bearer: [] }, { token: [] }]);
    expect(body.paths['/v1/auth/login'].post.security).toEqual([]);
  });
});

describe('an unusable value', () => {
  it.each([
    ['CORS_ALLOWED_HEADERS', '*', /header names/],
    ['CORS_EXPOSED_HEADERS', 'x y', /header names/],
    ['JSON_BODY_MAX_KIB', '5000', /4096/],
    ['ACCESS_TOKEN_SECONDS', '86400', /43200/],
    ['AUTH_SCHEMES', 'Token abc', /names of schemes/],
    ['AUTH_SCHEMES', 'Basic', /must not contain Bearer/],
  ])('stops the start with the name of the setting: %s=%s', (name, value, reason) => {
    const load = () =>
      loadConfig(undefined, { DATABASE_URL: app.config.DATABASE_URL, NODE_ENV: 'test', [name]: value });

    expect(load).toThrow(ConfigError);
    expect(load).toThrow(new RegExp(`${name}.*: .*${reason.source}`));
  });
});
