import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { randomPKCECodeVerifier } from 'openid-client';
import { DataSource } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthAttempt } from './oauth-attempt.entity.ts';
import { OAuthStateInvalidError } from './oauth.errors.ts';
import { hashOf, newSecret } from './one-time-secret.ts';
import type { AttemptSecrets } from './providers/provider.ts';

const LIFE_MS = 10 * 60_000;

export interface NewAttempt {
  provider: ProviderName;
  /** The secret in the cookie of the browser that begins. */
  browser: string;
  returnTo: string;
  /** The session that a provider is to be linked in; left out for a sign-in. */
  linkSessionId?: string;
}

export interface SpentAttempt {
  returnTo: string;
  linkSessionId: string | null;
  secrets: AttemptSecrets;
}

/** Browsers that are away at a provider. What is remembered of them stays here: `state` is only a name for it. */
@Injectable()
export class OAuthAttemptsService {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  /** Fresh secrets for one attempt; nothing is remembered before `save`. */
  prepare(provider: ProviderName): AttemptSecrets {
    return {
      state: newSecret(),
      nonce: newSecret(),
      codeVerifier: randomPKCECodeVerifier(),
      redirectUri: this.redirectUri(provider),
    };
  }

  /** Those that nobody comes back for are removed by the purge of maintenance/. */
  async save({ browser, linkSessionId, ...rest }: NewAttempt, secrets: AttemptSecrets) {
    await this.db.manager.insert(OAuthAttempt, {
      id: randomUUIDv7(),
      ...rest,
      stateHash: hashOf(secrets.state),
      browserHash: hashOf(browser),
      nonce: secrets.nonce,
      codeVerifier: secrets.codeVerifier,
      linkSessionId: linkSessionId ?? null,
      expiresAt: new Date(Date.now() + LIFE_MS),
    });
  }

  /** Spends the attempt; OAUTH_STATE_INVALID for one that is unknown, spent, too old, elsewhere’s or another browser’s. */
  async spend(
    provider: ProviderName,
    state: string | undefined,
    browser: string | undefined,
  ): Promise<SpentAttempt> {
    if (!state || !browser) throw new OAuthStateInvalidError();
    // Deleting is spending: of two at once one finds the row.
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

  /** One for each provider, so that the answer of one can’t pass for that of another (RFC 9700, section 4.4.2). */
  private redirectUri(provider: ProviderName): string {
    return `${this.config.PUBLIC_URL}/v1/auth/oauth/${provider}/callback`;
  }
}
