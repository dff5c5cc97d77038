import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretPost,
  Configuration,
  customFetch,
  type CustomFetchOptions,
} from 'openid-client';
import { z } from 'zod';
import { AccessDeniedError, ProviderFailedError } from '../oauth.errors.ts';
import { callProvider, providerErrorOf } from './call-provider.ts';
import {
  type AttemptSecrets,
  callbackUrl,
  profileOf,
  type Provider,
  type ProviderCallback,
  type ProviderProfile,
} from './provider.ts';

interface GithubOptions {
  baseUrl: string;
  apiUrl: string;
  clientId: string;
  clientSecret: string;
}

const API_VERSION = '2022-11-28';
/** Either scope lets us read the emails. Users can remove a scope on the consent page. */
const EMAIL_SCOPES = ['user:email', 'user'];

const userSchema = z.object({ id: z.int().positive(), login: z.string(), name: z.string().nullish() });
const emailsSchema = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));

/** https://docs.github.com/en/apps/oauth-apps: OAuth 2 without OpenID. The REST API returns the user. */
export class GithubProvider implements Provider {
  readonly name = 'github';
  readonly callbackMethod = 'GET';
  private readonly config: Configuration;

  constructor(private readonly options: GithubOptions) {
    const { baseUrl, clientId, clientSecret } = options;
    const server = {
      issuer: `${baseUrl}/login/oauth`,
      authorization_endpoint: `${baseUrl}/login/oauth/authorize`,
      token_endpoint: `${baseUrl}/login/oauth/access_token`,
    };
    this.config = new Configuration(server, clientId, undefined, ClientSecretPost(clientSecret));
    this.config[customFetch] = (url: string, init: CustomFetchOptions) => callProvider(url, init);
    if (baseUrl.startsWith('http:')) allowInsecureRequests(this.config);
  }

  async authorizationUrl({ redirectUri, state, codeVerifier }: AttemptSecrets): Promise<string> {
    return buildAuthorizationUrl(this.config, {
      redirect_uri: redirectUri,
      scope: 'read:user user:email',
      state,
      code_challenge: await calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    }).href;
  }

  async fetchProfile(callback: ProviderCallback, secrets: AttemptSecrets): Promise<ProviderProfile> {
    const accessToken = await this.requestAccessToken(callback, secrets);
    const [user, emails] = await Promise.all([
      this.fetchJson('/user', userSchema, accessToken),
      this.fetchJson('/user/emails?per_page=100', emailsSchema, accessToken),
    ]);
    const own = emails.find(({ primary, verified }) => primary && verified);
    return profileOf({
      // Not the login: after a rename another user can take it.
      subject: String(user.id),
      // Not the email of /user, which is public and unverified.
      email: own?.email,
      emailVerified: own !== undefined,
      displayName: user.name || user.login,
    });
  }

  private async requestAccessToken(callback: ProviderCallback, secrets: AttemptSecrets): Promise<string> {
    const checks = { expectedState: secrets.state, pkceCodeVerifier: secrets.codeVerifier };
    // Errors come with status 200; the library finds no token in them and throws.
    const tokens = await authorizationCodeGrant(this.config, callbackUrl(callback, secrets), checks).catch(
      (error: unknown) => {
        throw providerErrorOf(error);
      },
    );
    const scopes = (tokens.scope ?? '').split(/[\s,]+/);
    if (!EMAIL_SCOPES.some((scope) => scopes.includes(scope))) throw new AccessDeniedError();
    return tokens.access_token;
  }

  private async fetchJson<T>(path: string, schema: z.ZodType<T>, accessToken: string): Promise<T> {
    const response = await callProvider(this.options.apiUrl + path, {
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${accessToken}`,
        // GitHub rejects requests without a User-Agent.
        'user-agent': this.options.clientId,
        'x-github-api-version': API_VERSION,
      },
    });
    const parsed = schema.safeParse(response.ok ? await response.json().catch(() => undefined) : undefined);
    if (!parsed.success) throw new ProviderFailedError();
    return parsed.data;
  }
}
