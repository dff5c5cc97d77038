import type { TokenPair, User } from './account.ts';
import { Browser, type Person } from './browser.ts';
import { type ApiClient, expectEqual, expectText } from './client.ts';
import { Failure, type Progress } from './terminal.ts';

export interface Provider {
  provider: string;
  url: string;
}

/** The fake providers of the server. The demo can't sign in at a real provider. */
export async function fakeProviders(api: ApiClient): Promise<Provider[]> {
  const { data: providers } = await api.call<Provider[]>('GET /v1/auth/oauth', 200);
  const found: Provider[] = [];
  for (const provider of providers) {
    const { headers } = await api.call(`GET ${beginPath(provider, api)}`, 302);
    if (isLoopback(new URL(headers.get('location') ?? 'https://unknown'))) found.push(provider);
  }
  return found;
}

/** Signs in at the provider, returns with a one-time code, and exchanges the code for tokens. */
export async function signIn(
  api: ApiClient,
  provider: Provider,
  runId: string,
  on: Progress,
): Promise<TokenPair> {
  const person = personOf(provider, runId);
  const browser = new Browser();
  const begin = `${api.baseUrl}${beginPath(provider, api)}`;
  const back = await browser.navigate(begin, returnTo(api), person);
  const code = expectText('a one-time code', back.searchParams.get('code') ?? back.searchParams.get('error'));
  const cookie = browser.cookieHeader(api.baseUrl);
  const exchange = 'POST /v1/auth/oauth/exchange';
  const { data: pair } = await api.call<TokenPair>(exchange, 200, { json: { code }, cookie });
  await api.call(exchange, 400, { json: { code }, cookie });
  const { data: me } = await api.as(pair).call<User>('GET /v1/users/me', 200);
  expectEqual('an email that the provider verified', [me.email, me.emailVerified], [person.email, true]);
  on.note(`${me.email}; the code works once`);
  return pair;
}

/** Links the provider to the signed-in account. */
export async function link(api: ApiClient, provider: Provider, runId: string, on: Progress): Promise<void> {
  const browser = new Browser();
  const { data, headers } = await api.call<{ authorizationUrl: string }>(
    `POST /v1/auth/oauth/${provider.provider}/link`,
    200,
    { json: { returnTo: returnTo(api) } },
  );
  browser.storeCookies(api.baseUrl, headers);
  const person = { ...personOf(provider, runId), email: `linked-${runId}@example.com` };
  const back = await browser.navigate(data.authorizationUrl, returnTo(api), person);
  expectEqual('linked in the returned URL', back.searchParams.get('linked'), provider.provider);
  const { data: identities } = await api.call<{ provider: string }[]>('GET /v1/users/me/identities', 200);
  expectEqual(
    'the linked providers',
    identities.map((identity) => identity.provider),
    [provider.provider],
  );
  on.note(provider.provider);
}

/** Reuses an old refresh token, as a thief would. Its session is revoked, another session is not. */
export async function proveReuse(
  api: ApiClient,
  { stolen, other }: { stolen: TokenPair; other: TokenPair },
  on: Progress,
): Promise<void> {
  const refresh = async (refreshToken: string, status: number) =>
    api.call<TokenPair>('POST /v1/auth/refresh', status, { json: { refreshToken } });
  const { data: second } = await refresh(stolen.refreshToken, 200);
  const { data: third } = await refresh(second.refreshToken, 200);
  const { text } = await refresh(stolen.refreshToken, 401);
  const { code } = JSON.parse(text) as { code: string };
  if (code !== 'REFRESH_TOKEN_REUSED') throw new Failure('REFRESH_TOKEN_REUSED', code);
  await refresh(third.refreshToken, 401);
  await api.as(other).call('GET /v1/users/me', 200);
  on.note('its session is revoked, the other one is not');
}

const beginPath = ({ provider }: Provider, api: ApiClient) =>
  `/v1/auth/oauth/${provider}?returnTo=${encodeURIComponent(returnTo(api))}`;

/** Only the URL of the redirect is read, so no page needs to exist there. */
const returnTo = (api: ApiClient): string => `${api.baseUrl}/demo`;

const personOf = ({ provider }: Provider, runId: string): Person => ({
  email: `${provider}-${runId}@example.com`,
  name: 'Demo Person',
});

const isLoopback = ({ hostname }: URL): boolean => ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
