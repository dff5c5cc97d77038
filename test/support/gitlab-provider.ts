import { OidcClient } from '../../src/auth/oauth/providers/oidc-client.ts';
import {
  type AttemptSecrets,
  isTrue,
  profileOf,
  type Provider as RealProvider,
  type ProviderCallback,
  type ProviderProfile,
} from '../../src/auth/oauth/providers/provider.ts';

// The code of docs/guides/add-a-provider.md. A test compares them.

/** With the name that the guide adds to `providerNames`. */
type Provider = Omit<RealProvider, 'name'> & { name: 'gitlab' };

export class GitlabProvider implements Provider {
  readonly name = 'gitlab';
  readonly callbackMethod = 'GET';
  private readonly oidc: OidcClient;

  constructor(options: { issuer: string; clientId: string; clientSecret: string }) {
    this.oidc = new OidcClient({ ...options, clientSecret: () => options.clientSecret });
  }

  authorizationUrl(secrets: AttemptSecrets): Promise<string> {
    return this.oidc.authorizationUrl(secrets, { scope: 'openid email profile' });
  }

  async fetchProfile(callback: ProviderCallback, secrets: AttemptSecrets): Promise<ProviderProfile> {
    const { sub, email, email_verified, name } = await this.oidc.getClaims(callback, secrets);
    return profileOf({ subject: sub, email, emailVerified: isTrue(email_verified), displayName: name });
  }
}
