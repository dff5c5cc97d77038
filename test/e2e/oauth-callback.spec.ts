import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newPerson } from '../factories/person.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { captureLogs } from '../support/logs.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { ID_TOKEN_MODES } from '../support/providers/control.ts';
import { visit } from '../support/providers/visit.ts';
import { times } from '../support/until.ts';

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp();
  ({ app } = oauth);
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const count = async (table: string): Promise<number> =>
  (await app.db.query(`SELECT count(*)::int AS n FROM ${table}`))[0].n;

/** Visits the provider. Returns its callback request. */
async function backFrom(provider: 'google' | 'github' | 'apple', browser = new Browser(app)) {
  const person = newPerson();
  oauth.person(provider, person);
  const callback = await visit(locationOf(await browser.startSignIn(provider)));
  return { person, browser, callback };
}

const stateInvalid = { status: 400, body: { code: 'OAUTH_STATE_INVALID' } };

describe.each(everyProvider)('the callback of %s', (provider) => {
  it('redirects to the frontend with a code and nothing else', async () => {
    const { browser, callback } = await backFrom(provider);

    const answer = await browser.sendCallback(callback);

    expect(locationOf(answer)).toMatch(/^http:\/\/localhost:3000\/\?code=[\w-]{43}$/);
    expect(answer.text).toBe('');
  });

  it('works once', async () => {
    const { browser, callback } = await backFrom(provider);

    const answers = await Promise.all(times(5, () => browser.sendCallback(callback)));

    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(4);
    expect(answers.find(({ status }) => status === 400)).toMatchObject(stateInvalid);
  });

  it('rejects another browser, and still works in the browser that started', async () => {
    const { browser, callback } = await backFrom(provider);
    const other = new Browser(app);
    await other.startSignIn(provider);

    const answers = [await new Browser(app).sendCallback(callback), await other.sendCallback(callback)];

    for (const answer of answers) expect(answer).toMatchObject(stateInvalid);
    expect((await browser.sendCallback(callback)).status).toBe(302);
  });

  it('rejects a state that is missing, invented, changed, repeated or too long', async () => {
    const { browser, callback } = await backFrom(provider);
    const state = callback.fields.get('state')!;
    const changes: ((fields: URLSearchParams) => void)[] = [
      (fields) => fields.delete('state'),
      (fields) => fields.set('state', ''),
      (fields) => fields.set('state', 'a'.repeat(43)),
      (fields) => fields.set('state', `${state}a`),
      (fields) => fields.append('state', state),
      (fields) => fields.set('state', 'a'.repeat(5_000)),
    ];

    for (const change of changes) {
      const fields = new URLSearchParams(callback.fields);
      change(fields);
      expect(await browser.sendCallback({ ...callback, fields })).toMatchObject(stateInvalid);
    }
  });

  it('expires after ten minutes', async () => {
    const { browser, callback } = await backFrom(provider);
    await app.db.query(`UPDATE oauth_attempts SET expires_at = expires_at - interval '10 minutes'`);

    expect(await browser.sendCallback(callback)).toMatchObject(stateInvalid);
  });

  it('redirects with access_denied when consent was denied', async () => {
    oauth.providers.control.hostile(provider, 'deny');

    const end = await new Browser(app).completeSignIn(provider, {
      returnTo: 'http://localhost:3000/in?a=b&code=old',
    });

    expect(end.href).toBe('http://localhost:3000/in?a=b&error=access_denied');
  });

  it('redirects with provider_error without a code, or with an invented one', async () => {
    const first = await backFrom(provider);
    first.callback.fields.delete('code');
    const second = await backFrom(provider);
    second.callback.fields.set('code', 'made-up');

    const answers = [
      await first.browser.sendCallback(first.callback),
      await second.browser.sendCallback(second.callback),
    ];

    for (const answer of answers)
      expect(locationOf(answer)).toBe('http://localhost:3000/?error=provider_error');
  });

  it('does not pass on other error details of the provider', async () => {
    const { browser, callback } = await backFrom(provider);
    callback.fields.set('error', '<script>alert(1)</script>');
    callback.fields.set('error_description', 'a secret of the provider');

    expect(locationOf(await browser.sendCallback(callback))).toBe(
      'http://localhost:3000/?error=provider_error',
    );
  });

  it('rejects a response from another issuer', async () => {
    const { browser, callback } = await backFrom(provider);
    callback.fields.set('iss', 'https://evil.example');

    expect(locationOf(await browser.sendCallback(callback))).toBe(
      'http://localhost:3000/?error=provider_error',
    );
  });

  it.each([
    ['down', 'provider_unavailable'],
    ['token-500', 'provider_unavailable'],
    ['token-huge', 'provider_error'],
    ['token-redirect', 'provider_error'],
  ] as const)('ends with an error when the provider does this: %s', async (mode, error) => {
    const { browser, callback } = await backFrom(provider);
    oauth.providers.control.hostile(provider, mode);
    const sessions = await count('sessions');

    const answer = await browser.sendCallback(callback);

    expect(locationOf(answer)).toBe(`http://localhost:3000/?error=${error}`);
    expect(answer.text).toBe('');
    expect(await count('sessions')).toBe(sessions);
  });

  it('stops waiting for a hanging provider after five seconds', async () => {
    const { browser, callback } = await backFrom(provider);
    oauth.providers.control.hostile(provider, 'token-hang');
    const begun = performance.now();

    const answer = await browser.sendCallback(callback);

    expect(locationOf(answer)).toBe('http://localhost:3000/?error=provider_unavailable');
    expect(performance.now() - begun).toBeLessThan(6_000);
  });
});

describe.each(['google', 'apple'] as const)('an id token of %s', (provider) => {
  it.each(ID_TOKEN_MODES)('is rejected when forged: %s', async (mode) => {
    const { person, browser, callback } = await backFrom(provider);
    oauth.providers.control.hostile(provider, mode);

    const answer = await browser.sendCallback(callback);

    expect(locationOf(answer)).toBe('http://localhost:3000/?error=provider_error');
    expect(await app.db.query('SELECT 1 FROM users WHERE email = $1', [person.email])).toEqual([]);
  });

  it.each([
    ['a further audience', { aud: ['us', 'another-client'] }],
    ['another authorized party', { azp: 'another-client' }],
    ['no expiry', { exp: undefined }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that cannot be stored', { sub: 'a\0b' }],
    ['no issue time', { iat: undefined }],
    ['an issue time in the future', { iat: Math.floor(Date.now() / 1_000) + 3_600 }],
    ['an issuer with only the same prefix', { iss: 'http://127.0.0.1' }],
  ])('that has %s is rejected', async (_, claims) => {
    const { browser, callback } = await backFrom(provider);
    const own = oauth.providers[provider].clientId;
    const aud = 'aud' in claims ? { aud: [own, 'another-client'], azp: own } : {};
    oauth.providers.control.claims(provider, { ...claims, ...aud });

    expect(locationOf(await browser.sendCallback(callback))).toBe(
      'http://localhost:3000/?error=provider_error',
    );
  });
});

describe('GitHub', () => {
  it.each([
    ['scope-removed', 'access_denied'],
    ['api-500', 'provider_unavailable'],
  ] as const)('ends with an error when it does this: %s', async (mode, error) => {
    oauth.person('github', newPerson());
    oauth.providers.control.hostile('github', mode);

    const end = await new Browser(app).completeSignIn('github');

    expect(end.search).toBe(`?error=${error}`);
  });
});

describe('the state of one provider', () => {
  it('is invalid at another', async () => {
    const { browser, callback } = await backFrom('github');
    await browser.startSignIn('google');
    const url = new URL(callback.url.href.replace('github', 'google'));

    expect(await browser.sendCallback({ ...callback, url })).toMatchObject(stateInvalid);
  });
});

describe('an error in a browser', () => {
  it.each([
    ['an unknown state', '/github/callback?state=unknown&code=a', 'oauth_state_invalid'],
    ['a return URL that is not allowed', '/github?returnTo=https://evil.example', 'return_to_not_allowed'],
  ])('redirects to the frontend: %s', async (_name, path, error) => {
    const response = await app.http().get(`/v1/auth/oauth${path}`).set('sec-fetch-mode', 'navigate');

    expect(response.status).toBe(302);
    expect(response.headers['location']).toBe(`http://localhost:3000/?error=${error}`);
  });
});

describe('POST /v1/auth/oauth/apple/callback', () => {
  it('needs a SameSite=None cookie: browsers do not send a Lax one', async () => {
    const { browser, callback } = await backFrom('apple');
    const cookie = browser.cookies.get('__Host-oauth-apple')!;
    browser.cookies.set('__Host-oauth-apple', { ...cookie, sameSite: 'lax' });

    expect(await browser.sendCallback(callback)).toMatchObject(stateInvalid);
  });

  it('is the only route that accepts a form, with a small size limit', async () => {
    const path = '/v1/auth/oauth/apple/callback';

    const answers = await Promise.all([
      app
        .http()
        .post(path)
        .type('form')
        .send({ state: 'a'.repeat(40_000) }),
      app.http().post(path).type('text/plain').send('state=a'),
      app.http().post(path).send({ state: 'a' }),
      app.http().post('/v1/auth/login').type('form').send('email=a@example.com&password=b'),
      app.http().post('/v1/auth/oauth/exchange').type('form').send('code=a'),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([413, 415, 415, 415, 415]);
  });

  it('rejects GET, and the other callbacks reject POST', async () => {
    const apple = await backFrom('apple');
    const github = await backFrom('github');

    const answers = [
      await apple.browser.sendCallback({ ...apple.callback, method: 'GET' }),
      await github.browser.sendCallback({ ...github.callback, method: 'POST' }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });
});

describe('stored and logged data of a sign-in', () => {
  it.each(everyProvider)('contains no token, code or state of %s', async (provider) => {
    const log = captureLogs(app.api);
    const { browser, callback } = await backFrom(provider);
    await browser.sendCallback(callback);
    const failed = await backFrom(provider);
    oauth.providers.control.hostile(provider, 'token-500');
    await failed.browser.sendCallback(failed.callback);

    const text = log.text();
    for (const secret of [callback.fields.get('state')!, callback.fields.get('code')!]) {
      expect(text).not.toContain(secret);
    }
    expect(text).toContain('A call to a provider failed');
    expect(text).not.toMatch(/eyJ|gho_|Internal fake-provider secret/);
  });
});
