import { Injectable } from '@nestjs/common';
import { Config } from '../../platform/config/config.ts';
import { IdentitiesService } from './identities.service.ts';
import { OAuthAttemptsService, type ConsumedAttempt } from './oauth-attempts.service.ts';
import { OAuthSignInService } from './oauth-sign-in.service.ts';
import {
  AccessDeniedError,
  browserErrorOf,
  ProviderFailedError,
  ProviderUnavailableError,
  ReturnToNotAllowedError,
} from './oauth.errors.ts';
import type { OAuthCallback } from './oauth.schemas.ts';
import { withinTimeLimit } from './providers/call-provider.ts';
import type { Provider, ProviderProfile } from './providers/provider.ts';

export interface SignInStart {
  /** The secret in the cookie of the browser that starts the sign-in. */
  browser: string;
  /** URL to return to. Default: the frontend. */
  returnTo: string | undefined;
  /** The session that asked to link the provider; absent for a sign-in. */
  linkSessionId?: string;
}

const RETRY_AFTER_SECONDS = 5;

/** An absolute URL. Excludes spaces, control characters and backslashes, which browsers parse differently. */
const PLAIN_URL = /^https?:\/\/[^\s\\\p{Cc}]+$/iu;

/** Error codes of providers. Any other code is PROVIDER_ERROR. */
const PROVIDER_ERRORS: Record<string, new () => Error> = {
  access_denied: AccessDeniedError,
  // Apple’s code for access_denied.
  user_cancelled_authorize: AccessDeniedError,
  server_error: ProviderUnavailableError,
  temporarily_unavailable: ProviderUnavailableError,
};

/** Redirects browsers to a provider and handles their return. */
@Injectable()
export class OAuthService {
  constructor(
    private readonly config: Config,
    private readonly attempts: OAuthAttemptsService,
    private readonly signIns: OAuthSignInService,
    private readonly identities: IdentitiesService,
  ) {}

  /** Resolves to the authorization URL. Throws RETURN_TO_NOT_ALLOWED or PROVIDER_UNAVAILABLE. */
  async startSignIn(provider: Provider, { returnTo, ...rest }: SignInStart): Promise<string> {
    const { FRONTEND_URL, OAUTH_RETURN_TO_ALLOWLIST } = this.config;
    const allowed =
      returnTo === undefined ? FRONTEND_URL : normalizeReturnTo(returnTo, OAUTH_RETURN_TO_ALLOWLIST);
    const secrets = this.attempts.createSecrets(provider.name);
    const url = await withinTimeLimit(provider.authorizationUrl(secrets)).catch(() => {
      throw new ProviderUnavailableError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
    });
    await this.attempts.save({ provider: provider.name, returnTo: allowed, ...rest }, secrets);
    return url;
  }

  /** Resolves to `returnTo` with the outcome. Throws OAUTH_STATE_INVALID. */
  async handleCallback(
    provider: Provider,
    callback: OAuthCallback,
    browser: string | undefined,
  ): Promise<string> {
    const attempt = await this.attempts.consume(provider.name, callback.state, browser);
    try {
      const profile = await fetchProfile(provider, callback, attempt);
      return await this.applyProfile(provider, profile, attempt, browser!);
    } catch (error) {
      const reason = browserErrorOf(error);
      if (reason === undefined) throw error;
      if (!attempt.linkSessionId) await this.signIns.recordFailure(provider.name, reason);
      return addOutcome(attempt.returnTo, 'error', reason);
    }
  }

  private async applyProfile(
    { name }: Provider,
    profile: ProviderProfile,
    { linkSessionId, returnTo }: ConsumedAttempt,
    browser: string,
  ): Promise<string> {
    if (!linkSessionId) {
      return addOutcome(returnTo, 'code', await this.signIns.issueCode(name, profile, browser));
    }
    await this.identities.link(linkSessionId, name, profile);
    return addOutcome(returnTo, 'linked', name);
  }
}

function fetchProfile(
  provider: Provider,
  { error, ...parameters }: OAuthCallback,
  { secrets }: ConsumedAttempt,
): Promise<ProviderProfile> {
  if (error !== undefined) {
    const ErrorType = Object.hasOwn(PROVIDER_ERRORS, error) ? PROVIDER_ERRORS[error]! : ProviderFailedError;
    throw new ErrorType();
  }
  if (!parameters.code) throw new ProviderFailedError();
  return withinTimeLimit(provider.fetchProfile(parameters, secrets));
}

/**
 * Returns the normalized URL, or throws RETURN_TO_NOT_ALLOWED. Compares origins, because a URL with the same prefix may
 * lead to another site (RFC 9700, section 4.11).
 */
function normalizeReturnTo(given: string, origins: readonly string[]): string {
  const url = PLAIN_URL.test(given) ? URL.parse(given) : null;
  const isAllowed = url && url.username === '' && url.password === '' && origins.includes(url.origin);
  if (!isAllowed) throw new ReturnToNotAllowedError();
  return url.href;
}

/** Adds the outcome to the URL and removes the outcome of an earlier sign-in. */
export function addOutcome(returnTo: string, name: 'code' | 'error' | 'linked', value: string): string {
  const url = new URL(returnTo);
  for (const parameter of ['code', 'error', 'linked']) url.searchParams.delete(parameter);
  url.searchParams.set(name, value);
  return url.href;
}
