import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { randomPKCECodeVerifier } from 'openid-client';
import { DataSource } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthAttempt } from './oauth-attempt.entity.ts';
import { OAuthStateInvalidError } from './oauth.errors.ts';
import type { AttemptSecrets } from './providers/provider.ts';
import { hashOf, newSecret } from './sign-in-secrets.ts';

const LIFE_SECONDS = 600;

export interface NewAttempt {
  provider: ProviderName;
  /** The secret in the cookie of the browser that starts the sign-in. */
  browser: string;
  returnTo: string;
  /** The session that asked to link the provider; absent for a sign-in. */
  linkSessionId?: string;
}

export interface ConsumedAttempt {
  returnTo: string;
  linkSessionId: string | null;
  secrets: AttemptSecrets;
}

/** Sign-ins that a browser has started at a provider. The secrets are kept here; `state` only identifies them. */
@Injectable()
export class OAuthAttemptsService {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  /** Creates the secrets of one attempt. Nothing is stored before `save`. */
  prepare(provider: ProviderName): AttemptSecrets {
    return {
      state: newSecret(),
      nonce: newSecret(),
      codeVerifier: randomPKCECodeVerifier(),
      redirectUri: this.redirectUri(provider),
    };
  }

  /** Attempts that are never finished are purged when they have expired. */
  async save({ browser, linkSessionId, ...rest }: NewAttempt, secrets: AttemptSecrets) {
    await this.db.manager.insert(OAuthAttempt, {
      id: randomUUIDv7(),
      ...rest,
      stateHash: hashOf(secrets.state),
      browserHash: hashOf(browser),
      nonce: secrets.nonce,
      codeVerifier: secrets.codeVerifier,
      linkSessionId: linkSessionId ?? null,
      expiresAt: () => `now() + make_interval(secs => ${LIFE_SECONDS})`,
    });
  }

  /** OAUTH_STATE_INVALID for an attempt that is unknown, consumed, expired, for another provider or of another browser. */
  async consume(
    provider: ProviderName,
    state: string | undefined,
    browser: string | undefined,
  ): Promise<ConsumedAttempt> {
    if (!state || !browser) throw new OAuthStateInvalidError();
    // Atomic: of two parallel callbacks one finds the row.
    const [rows] = await this.db.query<[OAuthAttempt[], number]>(
      `DELETE FROM oauth_attempts
       WHERE state_hash = $1 AND provider = $2 AND browser_hash = $3 AND expires_at > now()
       RETURNING nonce, code_verifier AS "codeVerifier", return_to AS "returnTo",
                 link_session_id AS "linkSessionId"`,
      [hashOf(state), provider, hashOf(browser)],
    );
    if (!rows[0]) throw new OAuthStateInvalidError();
    const { nonce, codeVerifier, returnTo, linkSessionId } = rows[0];
    const secrets = { state, nonce, codeVerifier, redirectUri: this.redirectUri(provider) };
    return { returnTo, linkSessionId, secrets };
  }

  /** One per provider, so that the response of one can't be used as that of another (RFC 9700, section 4.4.2). */
  private redirectUri(provider: ProviderName): string {
    return `${this.config.PUBLIC_URL}/v1/auth/oauth/${provider}/callback`;
  }
}
