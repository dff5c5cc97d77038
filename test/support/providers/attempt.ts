import { importPKCS8, SignJWT } from 'jose';
import * as oauth from 'openid-client';
import type { FakeApple } from './apple.ts';
import type { Providers } from './providers.ts';
import type { Callback } from './visit.ts';

export const redirectUri = (name: string) => `http://localhost:3000/v1/auth/oauth/${name}/callback`;

/** A sign-in at a fake provider by openid-client alone, up to the redirect. */
export interface Attempt {
  config: oauth.Configuration;
  url: URL;
  checks: oauth.AuthorizationCodeGrantChecks;
}

async function begin(
  config: oauth.Configuration,
  name: string,
  parameters: Record<string, string>,
): Promise<Attempt> {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oauth.randomState(), expectedNonce: oauth.randomNonce() };
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri(name),
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  });
  return { config, url, checks: { ...checks, idTokenExpected: true } };
}

/** The callback URL for openid-client, with the fields of a POST in its query. */
export function finish({ config, checks }: Attempt, callback: Callback) {
  const url = new URL(`${callback.url.origin}${callback.url.pathname}?${callback.fields.toString()}`);
  return oauth.authorizationCodeGrant(config, url, checks);
}

const execute = [oauth.allowInsecureRequests, oauth.enableNonRepudiationChecks];

export async function beginGoogle(
  providers: Providers,
  parameters: Record<string, string> = {},
): Promise<Attempt> {
  const { issuer, clientId, clientSecret } = providers.google;
  const config = await oauth.discovery(new URL(issuer), clientId, clientSecret, undefined, { execute });
  config.timeout = 1;
  return begin(config, 'google', { scope: 'openid email profile', ...parameters });
}

export async function beginApple(providers: Providers, secret?: string): Promise<Attempt> {
  const { issuer, clientId } = providers.apple;
  const clientSecret = secret ?? (await appleSecret(providers.apple));
  const config = await oauth.discovery(new URL(issuer), clientId, clientSecret, undefined, { execute });
  return begin(config, 'apple', { scope: 'name email', response_mode: 'form_post' });
}

export async function appleSecret(
  apple: FakeApple,
  { kid = apple.keyId, team = apple.teamId, audience = apple.issuer, life = '5m' } = {},
) {
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(team)
    .setSubject(apple.clientId)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(life)
    .sign(await importPKCS8(apple.privateKeyPem, 'ES256'));
}

export function beginGithub(providers: Providers, parameters: Record<string, string> = {}): Promise<Attempt> {
  const { baseUrl, clientId, clientSecret } = providers.github;
  const server = {
    issuer: baseUrl,
    authorization_endpoint: `${baseUrl}/login/oauth/authorize`,
    token_endpoint: `${baseUrl}/login/oauth/access_token`,
  };
  const config = new oauth.Configuration(server, clientId, clientSecret);
  oauth.allowInsecureRequests(config);
  return begin(config, 'github', { scope: 'read:user user:email', ...parameters });
}

export function finishGithub({ config, checks }: Attempt, callback: Callback) {
  const { pkceCodeVerifier, expectedState } = checks;
  return oauth.authorizationCodeGrant(config, callback.url, { pkceCodeVerifier, expectedState } as never);
}
