import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  appleSecret,
  beginApple,
  beginGithub,
  beginGoogle,
  finish,
  finishGithub,
  redirectUri,
} from '../support/providers/attempt.ts';
import { ID_TOKEN_MODES, TOKEN_ENDPOINT_MODES } from '../support/providers/control.ts';
import type { Person } from '../support/providers/person.ts';
import { type Providers, startProviders } from '../support/providers/providers.ts';
import { visit } from '../support/providers/visit.ts';

// The sign-in tests rely on the fake providers, so these tests check them with openid-client alone.

let providers: Providers;

beforeAll(async () => {
  providers = await startProviders();
});
afterEach(() => providers.control.reset());
afterAll(() => providers.stop());

const ada: Person = { subject: '4711', email: 'ada@example.com', emailVerified: true, name: 'Ada Lovelace' };

const github = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(`${providers.github.apiUrl}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });

/** The expected error for each forged token. Any other error would prove nothing about a client. */
const reasons: Record<(typeof ID_TOKEN_MODES)[number], RegExp> = {
  'wrong-nonce': /unexpected ID Token "nonce"/,
  'no-nonce': /"nonce" .* missing/,
  'wrong-issuer': /unexpected JWT "iss"/,
  'wrong-audience': /unexpected JWT "aud"/,
  'wrong-azp': /unexpected ID Token "azp"/,
  expired: /past current timestamp/,
  'issued-in-future': /unexpected JWT "nbf"/,
  unsigned: /unexpected JWT "alg"/,
  hs256: /unexpected JWT "alg"/,
  'unknown-key': /no applicable keys/,
  'wrong-key': /signature verification failed/,
  'no-id-token': /"id_token" property must be a string/,
};

const reasonOf = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${reasonOf(error.cause)}` : '';

describe('fake Google', () => {
  it('signs in the chosen person, and returns the claims of the scopes', async () => {
    providers.control.person('google', { ...ada, hostedDomain: 'example.com' });
    const attempt = await beginGoogle(providers);

    const tokens = await finish(attempt, await visit(attempt.url));

    expect(tokens.claims()).toMatchObject({
      sub: '4711',
      email: 'ada@example.com',
      email_verified: true,
      name: 'Ada Lovelace',
      hd: 'example.com',
    });
    expect(providers.control.requests('google')).toMatchObject({
      discovery: 1,
      authorize: 1,
      token: 1,
      jwks: 1,
    });
  });

  it('accepts each code once', async () => {
    providers.control.person('google', ada);
    const attempt = await beginGoogle(providers);
    const callback = await visit(attempt.url);
    await finish(attempt, callback);

    await expect(finish(attempt, callback)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('requires PKCE and the registered redirect URI', async () => {
    providers.control.person('google', ada);
    const withoutPkce = await beginGoogle(providers);
    withoutPkce.url.searchParams.delete('code_challenge');
    withoutPkce.url.searchParams.delete('code_challenge_method');
    const elsewhere = await beginGoogle(providers, { redirect_uri: `${redirectUri('google')}/` });

    expect((await visit(withoutPkce.url)).fields.get('error')).toBe('invalid_request');
    await expect(visit(elsewhere.url)).rejects.toThrow('400');
  });

  it.each(ID_TOKEN_MODES)('forges an id token that a careful client rejects: %s', async (mode) => {
    providers.control.person('google', ada);
    providers.control.hostile('google', mode);
    const attempt = await beginGoogle(providers);

    const error = await finish(attempt, await visit(attempt.url)).catch((caught: Error) => caught);

    expect(reasonOf(error)).toMatch(reasons[mode]);
  });

  it.each(TOKEN_ENDPOINT_MODES)('returns an unusable token response: %s', async (mode) => {
    providers.control.person('google', ada);
    providers.control.hostile('google', mode);
    const attempt = await beginGoogle(providers);

    const error = await finish(attempt, await visit(attempt.url)).catch((caught: Error) => caught);

    expect(error).toBeInstanceOf(Error);
    expect(providers.control.requests('google').token).toBe(1);
  });

  it('redirects with an error when the user denies consent', async () => {
    providers.control.hostile('google', 'deny');
    const attempt = await beginGoogle(providers);

    expect((await visit(attempt.url)).fields.get('error')).toBe('access_denied');
  });
});

describe('fake Apple', () => {
  it('posts the name at the first consent only, and writes booleans as strings', async () => {
    providers.control.person('apple', { ...ada, email: 'x1@privaterelay.appleid.com' });
    const first = await beginApple(providers);
    const second = await beginApple(providers);

    const firstCallback = await visit(first.url);
    const secondCallback = await visit(second.url);

    expect(firstCallback.method).toBe('POST');
    expect(JSON.parse(firstCallback.fields.get('user') ?? '')).toEqual({
      name: { firstName: 'Ada', lastName: 'Lovelace' },
      email: 'x1@privaterelay.appleid.com',
    });
    expect(secondCallback.fields.has('user')).toBe(false);
    expect((await finish(first, firstCallback)).claims()).toMatchObject({
      sub: '4711',
      email_verified: 'true',
      is_private_email: 'true',
    });
  });

  it.each([
    ['another key id', { kid: 'OTHERKEYID' }],
    ['another team', { team: 'OTHERTEAM1' }],
    ['another audience', { audience: 'https://example.com' }],
    ['a lifetime of more than six months', { life: '200d' }],
  ])('rejects a client secret with %s', async (_what, change) => {
    providers.control.person('apple', ada);
    const attempt = await beginApple(providers, await appleSecret(providers.apple, change));

    await expect(finish(attempt, await visit(attempt.url))).rejects.toMatchObject({
      error: 'invalid_client',
    });
  });

  it('sends names and emails by POST only', async () => {
    providers.control.person('apple', ada);
    const { url } = await beginApple(providers);
    url.searchParams.delete('response_mode');

    await expect(visit(url)).rejects.toThrow('response_mode must be form_post');
  });

  it('signs events with the keys it publishes', async () => {
    const event = await providers.signAppleEvent({ type: 'consent-revoked', sub: '4711' });

    const jwks = await (await fetch(`${providers.apple.issuer}/auth/keys`)).json();
    const [header = ''] = event.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    expect(jwks).toMatchObject({ keys: [{ kid }] });
  });
});

describe('fake GitHub', () => {
  it('issues a token for the API, which returns scopes and emails', async () => {
    providers.control.person('github', ada);
    const attempt = await beginGithub(providers);

    const { access_token: token } = await finishGithub(attempt, await visit(attempt.url));

    const user = await github('/user', token);
    expect(user.headers.get('x-oauth-scopes')).toBe('read:user, user:email');
    expect(await user.json()).toMatchObject({ id: 4711, email: null });
    expect(await (await github('/user/emails', token)).json()).toEqual([
      { email: 'ada@example.com', primary: true, verified: true, visibility: null },
    ]);
    expect((await github('/user', 'gho_other')).status).toBe(401);
  });

  it('responds to a wrong verifier and a consumed code with status 200', async () => {
    providers.control.person('github', ada);
    const attempt = await beginGithub(providers);
    const callback = await visit(attempt.url);
    const { baseUrl, clientId, clientSecret } = providers.github;
    const body = new URLSearchParams({
      client_id: clientId,
      client_secret: clientSecret,
      code: callback.fields.get('code') ?? '',
    });
    const exchange = (verifier: string) => {
      body.set('code_verifier', verifier);
      const headers = { accept: 'application/json' };
      return fetch(`${baseUrl}/login/oauth/access_token`, { method: 'POST', body, headers });
    };

    const answers = [await exchange('x'.repeat(43)), await exchange(attempt.checks.pkceCodeVerifier ?? '')];

    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    for (const answer of answers)
      expect(await answer.json()).toMatchObject({ error: 'bad_verification_code' });
  });

  it('hides the emails when the user removed the scope', async () => {
    providers.control.person('github', ada);
    providers.control.hostile('github', 'scope-removed');
    const attempt = await beginGithub(providers);

    const { access_token: token } = await finishGithub(attempt, await visit(attempt.url));

    expect((await github('/user/emails', token)).status).toBe(404);
  });
});

describe('the fake providers as a program', () => {
  it('does not start in production', () => {
    const env = { PATH: process.env.PATH, NODE_ENV: 'production', FAKE_PROVIDERS_PORT: '9591' };
    const { status, stderr } = spawnSync(process.execPath, ['test/support/providers/main.ts'], {
      env,
      encoding: 'utf8',
    });

    expect(status).toBe(1);
    expect(stderr).toContain('do not start when NODE_ENV is production');
  });
});

describe('a sign-in page', () => {
  it.each(['google', 'github', 'apple'] as const)(
    'lets a developer sign in as any person at %s',
    async (name) => {
      const attempt = await { google: beginGoogle, github: beginGithub, apple: beginApple }[name](providers);
      const page = await fetch(attempt.url, { redirect: 'manual' });
      const cookie = page.headers
        .getSetCookie()
        .map((line) => line.split(';')[0])
        .join('; ');
      const action = new URL(page.headers.get('location') ?? attempt.url, attempt.url);

      const form = new URLSearchParams({ email: 'typed@example.com', name: 'Ty Ped', verified: 'yes' });
      const posted = await fetch(action, {
        method: 'POST',
        body: form,
        headers: { cookie },
        redirect: 'manual',
      });
      // Google and Apple resume the attempt at another URL. GitHub redirects at once.
      const next = posted.headers.get('location') ?? '';
      const back =
        name === 'github'
          ? next
          : await (await fetch(next, { headers: { cookie }, redirect: 'manual' })).text();

      expect(back).toContain(redirectUri(name));
      expect(back).toContain('code');
    },
  );
});
