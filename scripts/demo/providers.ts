import type { TokenPair, User } from './account.ts';
import { Browser, type Person } from './browser.ts';
import { type ApiClient, expectEqual, expectText } from './client.ts';
import { Failure, type Progress } from './terminal.ts';

export interface Provider {
  provider: string;
  url: string;
}

/** Those of the server that are fake providers: a real provider wouldn't believe who we say we are. */
export async function fakeProviders(api: ApiClient): Promise<Provider[]> {
  const { data: providers } = await api.call<Provider[]>('GET /v1/auth/oauth', 200);
  const found: Provider[] = [];
  for (const provider of providers) {
    const { headers } = await api.call(`GET ${beginPath(provider, api)}`, 302);
    if (isLoopback(new URL(headers.get('location') ?? 'https://unknown'))) found.push(provider);
  }
  return found;
}

/** The whole way of a browser: to the provider, back with a one-time code, and the code for tokens. */
export async function signIn(
  api: ApiClient,
  provider: Provider,
  runId: string,
  on: Progress,
): Promise<TokenPair> {
  const person = personOf(provider, runId);
  const browser = new Browser();
  const begin = `${api.baseUrl}${beginPath(provider, api)}`;
  const back = await browser.travel(begin, returnTo(api), person);
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

/** Adds the provider to the account that is signed in. */
export async function link(api: ApiClient, provider: Provider, runId: string, on: Progress): Promise<void> {
  const browser = new Browser();
  const { data, headers } = await api.call<{ authorizationUrl: string }>(
    `POST /v1/auth/oauth/${provider.provider}/link`,
    200,
    { json: { returnTo: returnTo(api) } },
  );
  browser.remember(api.baseUrl, headers);
  const person = { ...personOf(provider, runId), email: `linked-${runId}@example.com` };
  const back = await browser.travel(data.authorizationUrl, returnTo(api), person);
  expectEqual('to come back with linked', back.searchParams.get('linked'), provider.provider);
  const { data: identities } = await api.call<{ provider: string }[]>('GET /v1/users/me/identities', 200);
  expectEqual(
    'the linked providers',
    identities.map((identity) => identity.provider),
    [provider.provider],
  );
  on.note(provider.provider);
}

/** A thief who comes with an old refresh token, and what becomes of the session and of another one. */
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
  on.note('that session is over, the other one lives');
}

const beginPath = ({ provider }: Provider, api: ApiClient) =>
  `/v1/auth/oauth/${provider}?returnTo=${encodeURIComponent(returnTo(api))}`;

/** Nothing needs to answer there: the address that a browser is sent to is all that is read. */
const returnTo = (api: ApiClient): string => `${api.baseUrl}/demo`;

const personOf = ({ provider }: Provider, runId: string): Person => ({
  email: `${provider}-${runId}@example.com`,
  name: 'Demo Person',
});

const isLoopback = ({ hostname }: URL): boolean => ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
