import { Injectable } from '@nestjs/common';
import { Config } from '../../platform/config/config.ts';
import { IdentitiesService } from './identities.service.ts';
import { OAuthAttemptsService, type ConsumedAttempt } from './oauth-attempts.service.ts';
import {
  AccessDeniedError,
  browserErrorOf,
  ProviderFailedError,
  ProviderUnavailableError,
} from './oauth.errors.ts';
import type { OAuthCallback } from './oauth.schemas.ts';
import { ProviderSignInService } from './provider-sign-in.service.ts';
import { withinTimeLimit } from './providers/call-provider.ts';
import type { Provider, ProviderProfile } from './providers/provider.ts';
import { allowedReturnTo, returnWith } from './return-to.ts';

export interface NewSignIn {
  /** The secret in the cookie of the browser that starts the sign-in. */
  browser: string;
  /** URL to return to. Default: the frontend. */
  returnTo: string | undefined;
  /** The session that asked to link the provider; absent for a sign-in. */
  linkSessionId?: string;
}

const RETRY_AFTER_SECONDS = 5;

/** Error codes of providers. Any other code is PROVIDER_ERROR. */
const ERROR_OF_CODE: Record<string, new () => Error> = {
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
    private readonly signIns: ProviderSignInService,
    private readonly identities: IdentitiesService,
  ) {}

  /** Resolves to the authorization URL. Throws RETURN_TO_NOT_ALLOWED or PROVIDER_UNAVAILABLE. */
  async startAttempt(provider: Provider, { returnTo, ...rest }: NewSignIn): Promise<string> {
    const { FRONTEND_URL, OAUTH_RETURN_TO_ALLOWLIST } = this.config;
    const allowed =
      returnTo === undefined ? FRONTEND_URL : allowedReturnTo(returnTo, OAUTH_RETURN_TO_ALLOWLIST);
    const secrets = this.attempts.prepare(provider.name);
    const url = await withinTimeLimit(provider.authorizationUrl(secrets)).catch(() => {
      throw new ProviderUnavailableError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
    });
    await this.attempts.save({ provider: provider.name, returnTo: allowed, ...rest }, secrets);
    return url;
  }

  /** Resolves to `returnTo` with the outcome. Throws OAUTH_STATE_INVALID. */
  async finishAttempt(
    provider: Provider,
    callback: OAuthCallback,
    browser: string | undefined,
  ): Promise<string> {
    const attempt = await this.attempts.consume(provider.name, callback.state, browser);
    try {
      const profile = await profileFrom(provider, callback, attempt);
      return await this.completeAttempt(provider, profile, attempt, browser!);
    } catch (error) {
      const reason = browserErrorOf(error);
      if (reason === undefined) throw error;
      if (!attempt.linkSessionId) await this.signIns.recordFailure(provider.name, reason);
      return returnWith(attempt.returnTo, 'error', reason);
    }
  }

  private async completeAttempt(
    { name }: Provider,
    profile: ProviderProfile,
    { linkSessionId, returnTo }: ConsumedAttempt,
    browser: string,
  ): Promise<string> {
    if (!linkSessionId) {
      return returnWith(returnTo, 'code', await this.signIns.complete(name, profile, browser));
    }
    await this.identities.link(linkSessionId, name, profile);
    return returnWith(returnTo, 'linked', name);
  }
}

function profileFrom(
  provider: Provider,
  { error, ...response }: OAuthCallback,
  { secrets }: ConsumedAttempt,
): Promise<ProviderProfile> {
  if (error !== undefined) {
    const ErrorClass = Object.hasOwn(ERROR_OF_CODE, error) ? ERROR_OF_CODE[error]! : ProviderFailedError;
    throw new ErrorClass();
  }
  if (!response.code) throw new ProviderFailedError();
  return withinTimeLimit(provider.fetchProfile(response, secrets));
}
