import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { OidcClient } from './oidc-client.ts';
import {
  type AttemptSecrets,
  isTrue,
  profileOf,
  type Provider,
  type ProviderCallback,
  type ProviderProfile,
} from './provider.ts';

interface AppleOptions {
  issuer: string;
  clientId: string;
  teamId: string;
  keyId: string;
  /** PKCS#8 PEM. */
  privateKey: string;
}

const SECRET_SECONDS = 600;
/** Half of its lifetime, so that a secret never expires in transit. */
const SECRET_REUSED_MS = 300_000;
const RELAY_DOMAIN = '@privaterelay.appleid.com';

const namePart = z.string().trim().optional().catch(undefined);
const userFieldSchema = z.object({ name: z.object({ firstName: namePart, lastName: namePart }) });

/** https://developer.apple.com/documentation/signinwithapplerestapi */
export class AppleProvider implements Provider {
  readonly name = 'apple';
  /** Apple requires a form post if the scope includes name or email. */
  readonly callbackMethod = 'POST';
  private readonly oidc: OidcClient;
  private secret?: { jwt: Promise<string>; madeAt: number };

  constructor(private readonly options: AppleOptions) {
    this.oidc = new OidcClient({ ...options, clientSecret: () => this.getClientSecret() });
  }

  authorizationUrl(secrets: AttemptSecrets): Promise<string> {
    return this.oidc.authorizationUrl(secrets, { scope: 'openid name email', response_mode: 'form_post' });
  }

  async fetchProfile(callback: ProviderCallback, secrets: AttemptSecrets): Promise<ProviderProfile> {
    const { sub, email, email_verified, is_private_email } = await this.oidc.getClaims(callback, secrets);
    const profile = profileOf({
      subject: sub,
      // Never the email of the `user` field, which the browser could change.
      email,
      emailVerified: isTrue(email_verified),
      displayName: displayNameFrom(callback.user),
    });
    const isRelay = isTrue(is_private_email) || (profile.email?.endsWith(RELAY_DOMAIN) ?? false);
    return { ...profile, isRelay };
  }

  /** Apple has no permanent secret: the client signs a JWT that is valid for at most six months. */
  private getClientSecret(): Promise<string> {
    if (!this.secret || Date.now() - this.secret.madeAt > SECRET_REUSED_MS) {
      this.secret = { jwt: this.createClientSecret(), madeAt: Date.now() };
    }
    return this.secret.jwt;
  }

  private async createClientSecret(): Promise<string> {
    const { issuer, clientId, teamId, keyId, privateKey } = this.options;
    return new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(teamId)
      .setSubject(clientId)
      .setAudience(issuer)
      .setIssuedAt()
      .setExpirationTime(`${SECRET_SECONDS}s`)
      .sign(await importPKCS8(privateKey, 'ES256'));
  }
}

/** Sent only at the first sign-in, by the browser. Untrusted: only a suggestion for the display name. */
function displayNameFrom(user: string | undefined): string | null {
  try {
    const { name } = userFieldSchema.parse(JSON.parse(user ?? ''));
    return [name.firstName, name.lastName].filter(Boolean).join(' ') || null;
  } catch {
    return null;
  }
}
