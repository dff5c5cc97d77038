import { AccessDeniedError } from '../oauth.errors.ts';
import { OidcClient } from './oidc-client.ts';
import {
  type AttemptSecrets,
  isTrue,
  profileOf,
  type Provider,
  type ProviderCallback,
  type ProviderProfile,
} from './provider.ts';

interface GoogleOptions {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The only Google Workspace domain that may sign in. */
  hostedDomain?: string | undefined;
}

/** https://developers.google.com/identity/openid-connect/openid-connect */
export class GoogleProvider implements Provider {
  readonly name = 'google';
  readonly callbackMethod = 'GET';
  private readonly oidc: OidcClient;

  constructor(private readonly options: GoogleOptions) {
    this.oidc = new OidcClient({ ...options, clientSecret: () => options.clientSecret });
  }

  authorizationUrl(secrets: AttemptSecrets): Promise<string> {
    const { hostedDomain } = this.options;
    const extra = { scope: 'openid email profile', ...(hostedDomain && { hd: hostedDomain }) };
    return this.oidc.authorizationUrl(secrets, extra);
  }

  async fetchProfile(callback: ProviderCallback, secrets: AttemptSecrets): Promise<ProviderProfile> {
    const { sub, email, email_verified, name, hd } = await this.oidc.getClaims(callback, secrets);
    const { hostedDomain } = this.options;
    // The parameter above only preselects the domain, and a user can remove it.
    if (hostedDomain && hd !== hostedDomain.toLowerCase()) throw new AccessDeniedError();
    return profileOf({ subject: sub, email, emailVerified: isTrue(email_verified), displayName: name });
  }
}
