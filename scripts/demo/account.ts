import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, expectEqual, expectText } from './client.ts';
import type { Mailbox } from './mail.ts';
import { Failure, type Progress } from './terminal.ts';

export interface Account {
  email: string;
  password: string;
  displayName: string;
}

export interface TokenPair {
  accessToken: string;
  refreshToken: string;
}

export interface User {
  id: string;
  email: string;
  displayName: string;
  role: string;
  status: string;
  emailVerified: boolean;
}

/** Another instance may accept a revoked token for one more second. The rest is network time. */
const REVOCATION_LIMIT_MS = 2_000;

export function newAccount(runId: string): Account {
  return {
    email: `visitor-${runId}@example.com`,
    password: randomBytes(18).toString('base64url'),
    displayName: 'Demo Visitor',
  };
}

export async function register(api: ApiClient, account: Account, progress: Progress): Promise<void> {
  await api.call('POST /v1/auth/register', 202, { json: account });
  progress.note(account.email);
}

export async function readVerificationMail(mailbox: Mailbox, email: string, progress: Progress) {
  const { token, subject } = await mailbox.tokenFor(email, 'verify-email');
  progress.note(`“${subject}”`);
  return token;
}

export async function verifyEmail(api: ApiClient, token: string, password: string): Promise<TokenPair> {
  const { data } = await api.call<TokenPair | undefined>('POST /v1/auth/verify-email', 200, {
    json: { token, password },
  });
  return checkedPair(data);
}

export async function signIn(api: ApiClient, email: string, password: string): Promise<TokenPair> {
  const { data } = await api.call<TokenPair | undefined>('POST /v1/auth/login', 200, {
    json: { email, password },
  });
  return checkedPair(data);
}

export async function readProfile(
  api: ApiClient,
  expected: Partial<User>,
  progress: Progress,
): Promise<void> {
  const { data: me } = await api.call<User>('GET /v1/users/me', 200);
  for (const [name, value] of Object.entries(expected)) expectEqual(name, me[name as keyof User], value);
  progress.note(`${me.displayName}, ${me.role}, ${me.status}`);
}

/** Also checks that a client that lost the response gets the same new token again. */
export async function refresh(api: ApiClient, old: TokenPair, progress: Progress): Promise<TokenPair> {
  const pair = await refreshWith(api, old.refreshToken);
  if (pair.refreshToken === old.refreshToken) throw new Failure('a new refresh token', 'the old one again');

  const again = await refreshWith(api, old.refreshToken);
  if (again.refreshToken !== pair.refreshToken) {
    throw new Failure('the same new token for a retry within the grace time', 'another refresh token');
  }
  progress.note('a retry returned the same token');
  return pair;
}

async function refreshWith(api: ApiClient, refreshToken: string): Promise<TokenPair> {
  const { data } = await api.call<TokenPair | undefined>('POST /v1/auth/refresh', 200, {
    json: { refreshToken },
  });
  return checkedPair(data);
}

export async function signOut(api: ApiClient, pair: TokenPair, progress: Progress): Promise<void> {
  const signedIn = api.as(pair);
  await signedIn.call('POST /v1/auth/logout', 204);

  const endedAt = performance.now();
  while ((await signedIn.call('GET /v1/users/me', [200, 401])).status !== 401) {
    if (performance.now() - endedAt > REVOCATION_LIMIT_MS) {
      throw new Failure(`401 within ${REVOCATION_LIMIT_MS / 1000} s after the sign-out`, '200');
    }
    await sleep(100);
  }
  await api.call('POST /v1/auth/refresh', 401, { json: { refreshToken: pair.refreshToken } });
  progress.note('both tokens are rejected');
}

function checkedPair(pair: TokenPair | undefined): TokenPair {
  return {
    accessToken: expectText('an accessToken', pair?.accessToken),
    refreshToken: expectText('a refreshToken', pair?.refreshToken),
  };
}
