import { Injectable } from '@nestjs/common';
import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto';
import { randomPKCECodeVerifier } from 'openid-client';
import { DataSource } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthAttempt } from './oauth-attempt.entity.ts';
import { OAuthStateInvalidError } from './oauth.errors.ts';
import type { AttemptSecrets } from './providers/provider.ts';

const LIFE_SECONDS = 600;

/** Creates a state, a nonce or a one-time code of 256 bits. */
export const createSecret = (): string => randomBytes(32).toString('base64url');

/** A fast hash is enough, because the secret can't be guessed (OWASP ASVS 5.0, 6.5.2). */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

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

/** Stores the secrets of each sign-in that a browser has started at a provider. `state` identifies the sign-in. */
@Injectable()
export class OAuthAttemptsService {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  createSecrets(provider: ProviderName): AttemptSecrets {
    return {
      state: createSecret(),
      nonce: createSecret(),
      codeVerifier: randomPKCECodeVerifier(),
      redirectUri: this.redirectUri(provider),
    };
  }

  async save({ browser, linkSessionId, ...rest }: NewAttempt, secrets: AttemptSecrets) {
    await this.db.manager.insert(OAuthAttempt, {
      id: randomUUIDv7(),
      ...rest,
      stateHash: hashSecret(secrets.state),
      browserHash: hashSecret(browser),
      nonce: secrets.nonce,
      codeVerifier: secrets.codeVerifier,
      linkSessionId: linkSessionId ?? null,
      expiresAt: () => `now() + make_interval(secs => ${LIFE_SECONDS})`,
    });
  }

  /**
   * Throws OAUTH_STATE_INVALID if the attempt is unknown, consumed or expired, or belongs to another provider or
   * browser.
   */
  async consume(
    provider: ProviderName,
    state: string | undefined,
    browser: string | undefined,
  ): Promise<ConsumedAttempt> {
    if (!state || !browser) throw new OAuthStateInvalidError();
    // One statement, so that only one of two parallel callbacks gets the row.
    const [rows] = await this.db.query<[OAuthAttempt[], number]>(
      `DELETE FROM oauth_attempts
       WHERE state_hash = $1 AND provider = $2 AND browser_hash = $3 AND expires_at > now()
       RETURNING nonce, code_verifier AS "codeVerifier", return_to AS "returnTo",
                 link_session_id AS "linkSessionId"`,
      [hashSecret(state), provider, hashSecret(browser)],
    );
    if (!rows[0]) throw new OAuthStateInvalidError();
    const { nonce, codeVerifier, returnTo, linkSessionId } = rows[0];
    const secrets = { state, nonce, codeVerifier, redirectUri: this.redirectUri(provider) };
    return { returnTo, linkSessionId, secrets };
  }

  /** Each provider has its own callback URL, which prevents mix-up attacks (RFC 9700, section 4.4.2). */
  private redirectUri(provider: ProviderName): string {
    return `${this.config.PUBLIC_URL}/v1/auth/oauth/${provider}/callback`;
  }
}
