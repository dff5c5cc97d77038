import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp();
  ({ app } = oauth);
});

afterAll(() => oauth.stop());

const authorizationUrl = async (provider: 'google' | 'github' | 'apple', query = {}) =>
  new URL(locationOf(await new Browser(app).startSignIn(provider, query)));

describe('GET /v1/auth/oauth', () => {
  it('lists the providers that have credentials', async () => {
    const answer = await app.http().get('/v1/auth/oauth');

    expect(answer.status).toBe(200);
    expect(answer.body.data).toEqual(
      everyProvider.map((provider) => ({
        provider,
        url: `http://localhost:3000/v1/auth/oauth/${provider}`,
      })),
    );
  });
});

const OTHER_ROUTES: ['get' | 'post', string][] = [
  ['get', '/v1/auth/oauth/google'],
  ['get', '/v1/auth/oauth/google/callback?state=x&code=y'],
  ['post', '/v1/auth/oauth/apple/callback'],
  ['get', '/v1/auth/oauth/facebook'],
];

describe('a provider without credentials', () => {
  it('is not available', async () => {
    const { GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET } = oauth.providers.settings;
    const settings = { GITHUB_CLIENT_ID: GITHUB_CLIENT_ID!, GITHUB_CLIENT_SECRET: GITHUB_CLIENT_SECRET! };
    const other = await TestApp.start({ settings });

    const list = await other.http().get('/v1/auth/oauth');
    const answers = await Promise.all(
      OTHER_ROUTES.map(([method, path]) => other.http()[method](path).type('form')),
    );

    await other.stop();
    expect(list.body.data).toHaveLength(1);
    expect(answers.map(({ status }) => status)).toEqual(OTHER_ROUTES.map(() => 404));
  });
});

const nonce: unknown = expect.stringMatching(/^[\w-]{43}$/);

describe('GET /v1/auth/oauth/{provider}', () => {
  it.each([
    ['google', 'openid email profile', { nonce }],
    ['github', 'read:user user:email', {}],
    ['apple', 'openid name email', { nonce, response_mode: 'form_post' }],
  ] as const)(
    'sends the browser to %s with PKCE, state and no more scopes than needed',
    async (provider, scope, more) => {
      const url = await authorizationUrl(provider);

      expect(Object.fromEntries(url.searchParams)).toEqual({
        client_id: expect.any(String),
        response_type: 'code',
        redirect_uri: `http://localhost:3000/v1/auth/oauth/${provider}/callback`,
        scope,
        state: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge_method: 'S256',
        ...more,
      });
    },
  );

  it('builds redirect_uri from the settings, not from the Host header', async () => {
    const answer = await app
      .http()
      .get('/v1/auth/oauth/google')
      .set({ host: 'evil.example', 'x-forwarded-host': 'evil.example' });

    const url = new URL(locationOf(answer));
    expect(url.searchParams.get('redirect_uri')).toBe('http://localhost:3000/v1/auth/oauth/google/callback');
  });

  it.each([
    ['google', 'Lax'],
    ['github', 'Lax'],
    ['apple', 'None'],
  ] as const)('binds the attempt to the browser by a cookie: %s, SameSite=%s', async (provider, sameSite) => {
    const answer = await app.http().get(`/v1/auth/oauth/${provider}`);

    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        new RegExp(
          `^__Host-oauth-${provider}=[\\w-]{43}; Max-Age=660; Path=/; HttpOnly; Secure; SameSite=${sameSite}$`,
        ),
      ),
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('stores neither the state nor the secret of the cookie', async () => {
    const browser = new Browser(app);

    const url = new URL(locationOf(await browser.startSignIn('github')));

    const rows = JSON.stringify(await app.db.query('SELECT * FROM oauth_attempts'));
    expect(rows).not.toContain(url.searchParams.get('state'));
    expect(rows).not.toContain(browser.cookies.get('__Host-oauth-github')!.value);
  });

  it('uses new secrets for each attempt', async () => {
    const urls = [await authorizationUrl('google'), await authorizationUrl('google')];

    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(new Set(urls.map((url) => url.searchParams.get(name))).size).toBe(2);
    }
  });

  it.each(['http://localhost:3000', 'http://localhost:3000/any/path?with=query#and-hash'])(
    'accepts the return URL %s',
    async (returnTo) => {
      expect((await new Browser(app).startSignIn('github', { returnTo })).status).toBe(302);
    },
  );

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https://evil.example',
    'http:localhost:3000',
    'https://localhost:3000',
    'http://localhost:3001',
    'http://localhost:3000.evil.example',
    'http://localhost:3000@evil.example',
    'http://user:secret@localhost:3000',
    'http://localhost:3000\\@evil.example',
    'http://evil.example#http://localhost:3000',
    '%2f%2fevil.example',
    'javascript:alert(1)',
    'JavaScript://localhost:3000/%0aalert(1)',
    'data:text/html,x',
    'http://localhost:3000/\r\nset-cookie: a=b',
    ' http://localhost:3000',
    'http://localhost:3000/a b',
    '/relative',
    '',
  ])('rejects the return URL %j', async (returnTo) => {
    const answer = await new Browser(app).startSignIn('github', { returnTo });

    expect(answer).toMatchObject({ status: 422, body: { code: 'RETURN_TO_NOT_ALLOWED' } });
    expect(answer.headers).not.toHaveProperty('location');
  });

  it('rejects unknown, too long and duplicate parameters', async () => {
    const paths = ['?next=/', `?returnTo=${'a'.repeat(2_001)}`, '?returnTo=a&returnTo=b'];

    const answers = await Promise.all(paths.map((query) => app.http().get(`/v1/auth/oauth/github${query}`)));

    expect(answers.map(({ body }) => body.code)).toEqual(paths.map(() => 'VALIDATION_FAILED'));
  });
});

describe('when a provider is down', () => {
  it('responds with an error instead of a redirect, and other sign-in methods work', async () => {
    const other = await TestApp.start({ settings: oauth.providers.settings });
    oauth.providers.control.hostile('google', 'down');

    const [google, github] = await Promise.all([
      other.http().get('/v1/auth/oauth/google'),
      other.http().get('/v1/auth/oauth/github'),
    ]);

    oauth.providers.control.reset();
    const later = await other.http().get('/v1/auth/oauth/google');
    await other.stop();
    expect(google).toMatchObject({ status: 503, body: { code: 'PROVIDER_UNAVAILABLE' } });
    expect(google.headers['retry-after']).toBe('5');
    expect(github.status).toBe(302);
    expect(later.status).toBe(302);
  });
});
