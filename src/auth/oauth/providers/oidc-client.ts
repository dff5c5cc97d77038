import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  type Configuration,
  customFetch,
  type CustomFetchOptions,
  discovery,
  enableNonRepudiationChecks,
  type IDToken,
  None,
} from 'openid-client';
import { ProviderFailedError } from '../oauth.errors.ts';
import { callProvider, providerErrorOf } from './call-provider.ts';
import { type AttemptSecrets, callbackUrl, type ProviderCallback } from './provider.ts';

const METADATA_FRESH_MS = 3_600_000;
/** After a failed reload, the known metadata stay in use for this time. */
const METADATA_RETRY_MS = 60_000;
const CLOCK_TOLERANCE_SECONDS = 30;

export interface OidcClientOptions {
  issuer: string;
  clientId: string;
  /** Called for each request. */
  clientSecret: () => string | Promise<string>;
}

/** An OpenID provider client, based on openid-client. */
export class OidcClient {
  private known?: { config: Configuration; freshUntil: number };
  private discovering?: Promise<Configuration> | undefined;
  private readonly pending = new Map<string, Promise<Response>>();

  constructor(private readonly options: OidcClientOptions) {}

  async authorizationUrl(secrets: AttemptSecrets, extra: Record<string, string>): Promise<string> {
    const config = await this.configuration();
    const parameters = {
      redirect_uri: secrets.redirectUri,
      state: secrets.state,
      nonce: secrets.nonce,
      code_challenge: await calculatePKCECodeChallenge(secrets.codeVerifier),
      code_challenge_method: 'S256',
      ...extra,
    };
    return buildAuthorizationUrl(config, parameters).href;
  }

  /** Exchanges the code for id token claims, validated by OpenID Connect Core, 3.1.3.7. */
  async getClaims(callback: ProviderCallback, secrets: AttemptSecrets): Promise<IDToken> {
    try {
      const config = await this.configuration();
      const checks = {
        expectedState: secrets.state,
        expectedNonce: secrets.nonce,
        pkceCodeVerifier: secrets.codeVerifier,
        idTokenExpected: true,
      };
      const client_secret = await this.options.clientSecret();
      const url = callbackUrl(callback, secrets);
      const tokens = await authorizationCodeGrant(config, url, checks, { client_secret });
      const claims = tokens.claims();
      if (!claims || !this.isForThisClient(claims)) throw new ProviderFailedError();
      return claims;
    } catch (error) {
      throw providerErrorOf(error);
    }
  }

  /** Stricter than the library, which accepts several audiences, any authorized party and any `iat`. */
  private isForThisClient({ aud, azp, iat }: IDToken): boolean {
    const { clientId } = this.options;
    const audiences = [aud].flat();
    if (audiences.length !== 1 || audiences[0] !== clientId) return false;
    return (azp ?? clientId) === clientId && iat <= Date.now() / 1_000 + CLOCK_TOLERANCE_SECONDS;
  }

  private async configuration(): Promise<Configuration> {
    if (this.known && this.known.freshUntil > Date.now()) return this.known.config;
    this.discovering ??= this.discover().finally(() => {
      this.discovering = undefined;
    });
    return this.discovering;
  }

  private async discover(): Promise<Configuration> {
    const { issuer, clientId } = this.options;
    try {
      const config = await discovery(
        new URL(issuer),
        clientId,
        // Pinned: neither metadata nor a token may choose the algorithm (RFC 8725, section 3.1).
        { id_token_signed_response_alg: 'RS256' },
        // The secret is a request parameter, as Apple requires.
        None(),
        {
          // Verify the signature even of a token that comes directly from the provider.
          execute: [
            enableNonRepudiationChecks,
            ...(issuer.startsWith('http:') ? [allowInsecureRequests] : []),
          ],
          [customFetch]: (url: string, init: CustomFetchOptions) => this.fetchShared(url, init),
        },
      );
      this.known = { config, freshUntil: Date.now() + METADATA_FRESH_MS };
      return config;
    } catch (error) {
      const providerError = providerErrorOf(error);
      if (!this.known) throw providerError;
      this.known.freshUntil = Date.now() + METADATA_RETRY_MS;
      return this.known.config;
    }
  }

  /**
   * Parallel requests share one fetch of metadata and keys. The library caches keys for five minutes and looks up an
   * unknown key at most once a minute, so tokens with false key ids can’t cause more fetches.
   */
  private async fetchShared(url: string, init: CustomFetchOptions): Promise<Response> {
    if (init.method !== 'GET') return callProvider(url, init);
    let response = this.pending.get(url);
    if (!response) {
      response = callProvider(url, init).finally(() => this.pending.delete(url));
      this.pending.set(url, response);
    }
    return (await response).clone();
  }
}
