import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { OidcClient } from './oidc-client.ts';
import {
  type AttemptSecrets,
  isTrue,
  profileOf,
  type Provider,
  type ProviderAnswer,
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
/** Half of its life, so that a secret never runs out on its way. */
const SECRET_REUSED_MS = 300_000;
const RELAY_DOMAIN = '@privaterelay.appleid.com';

const namePart = z.string().trim().optional().catch(undefined);
const userFieldSchema = z.object({ name: z.object({ firstName: namePart, lastName: namePart }) });

/** https://developer.apple.com/documentation/signinwithapplerestapi */
export class AppleProvider implements Provider {
  readonly name = 'apple';
  /** Apple insists on a form post as soon as a name or an address is asked for. */
  readonly comesBackBy = 'POST';
  private readonly oidc: OidcClient;
  private secret?: { jwt: Promise<string>; madeAt: number };

  constructor(private readonly options: AppleOptions) {
    this.oidc = new OidcClient({ ...options, clientSecret: () => this.clientSecret() });
  }

  authorizationUrl(secrets: AttemptSecrets): Promise<string> {
    return this.oidc.authorizationUrl(secrets, { scope: 'openid name email', response_mode: 'form_post' });
  }

  async finish(answer: ProviderAnswer, secrets: AttemptSecrets): Promise<ProviderProfile> {
    const { sub, email, email_verified, is_private_email } = await this.oidc.claims(answer, secrets);
    const profile = profileOf({
      subject: sub,
      // Never that of the `user` field, which the browser could write.
      email,
      emailVerified: isTrue(email_verified),
      displayName: nameFrom(answer.user),
    });
    const isRelay = isTrue(is_private_email) || (profile.email?.endsWith(RELAY_DOMAIN) ?? false);
    return { ...profile, isRelay };
  }

  /** Apple has no lasting secret: the client proves itself by a JWT of its own, which may live half a year at most. */
  private clientSecret(): Promise<string> {
    if (!this.secret || Date.now() - this.secret.madeAt > SECRET_REUSED_MS) {
      this.secret = { jwt: this.makeSecret(), madeAt: Date.now() };
    }
    return this.secret.jwt;
  }

  private async makeSecret(): Promise<string> {
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

/** Comes with the first sign-in only, from the browser: no more than a suggestion of what to call somebody. */
function nameFrom(user: string | undefined): string | null {
  try {
    const { name } = userFieldSchema.parse(JSON.parse(user ?? ''));
    return [name.firstName, name.lastName].filter(Boolean).join(' ') || null;
  } catch {
    return null;
  }
}
