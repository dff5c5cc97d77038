import { importSPKI, jwtVerify, SignJWT } from 'jose';
import { type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { ProviderState } from './control.ts';
import { createOidcProvider } from './oidc.ts';
import { listen, type ProviderServer } from './server.ts';

export interface FakeApple {
  issuer: string;
  clientId: string;
  teamId: string;
  keyId: string;
  privateKeyPem: string;
}

/** Six months: https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret */
const CLIENT_SECRET_MAX_SECONDS = 15_777_000;

const PATH = {
  discovery: '/.well-known/openid-configuration',
  jwks: '/auth/keys',
  authorize: '/auth/authorize',
  token: '/auth/token',
};

export interface AppleClient {
  clientId: string;
  teamId: string;
  keyId: string;
  publicKeyPem: string;
  redirectUri: string;
}

/** The events that Apple sends when a person withdraws consent, closes the account or mutes the relay email. */
export interface AppleEvent {
  type: 'consent-revoked' | 'account-delete' | 'email-disabled' | 'email-enabled' | (string & {});
  sub: string;
  email?: string;
}

/** Signs an event as Apple does: the JWS that comes as `payload` of its server-to-server notifications. */
export type SignAppleEvent = (event: AppleEvent, claims?: Record<string, unknown>) => Promise<string>;

export async function startApple(
  state: ProviderState,
  address: { port: number; host: string },
  client: AppleClient,
): Promise<{ issuer: string; server: ProviderServer; signEvent: SignAppleEvent }> {
  const server = await listen(state, PATH, address);
  const issuer = server.origin;
  const { provider, signer } = await createOidcProvider({
    issuer,
    state,
    // The library requires a secret but does not compare it, see below.
    client: { client_id: client.clientId, client_secret: 'unused', redirect_uris: [client.redirectUri] },
    routes: { authorization: PATH.authorize, token: PATH.token, jwks: PATH.jwks },
    onRequest,
    onAnswer,
    scopes: { openid: ['sub'], email: ['email', 'email_verified', 'is_private_email'], name: [] },
    // Apple sends some booleans as strings.
    claims: ({ email, emailVerified }) => ({
      email,
      email_verified: String(emailVerified),
      ...(email.endsWith('@privaterelay.appleid.com') && { is_private_email: 'true' }),
    }),
  });
  await checkClientSecrets(provider, issuer, client);
  tellNameOnce(provider, state);
  const listener = provider.callback();
  server.handle((request, response) => void listener(request, response));
  const signEvent: SignAppleEvent = ({ type, ...rest }, claims = {}) => {
    const events = JSON.stringify({ type, ...rest, event_time: Date.now() });
    const iat = Math.floor(Date.now() / 1_000);
    const own = {
      iss: issuer,
      aud: client.clientId,
      iat,
      exp: iat + 3_600,
      jti: crypto.randomUUID(),
      events,
    };
    return new SignJWT({ ...own, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: signer.kid })
      .sign(signer.key);
  };
  return { issuer, server, signEvent };
}

/** Apple's client_secret is a JWT that the client signs. It is not an assertion (RFC 7523) and not a shared secret. */
async function checkClientSecrets(provider: Provider, issuer: string, client: AppleClient): Promise<void> {
  const publicKey = await importSPKI(client.publicKeyPem, 'ES256');
  provider.Client.prototype.compareClientSecret = async (secret: string) => {
    try {
      const { payload, protectedHeader } = await jwtVerify(secret, publicKey, {
        algorithms: ['ES256'],
        issuer: client.teamId,
        subject: client.clientId,
        audience: issuer,
        requiredClaims: ['iat', 'exp'],
      });
      const life = Number(payload.exp) - Number(payload.iat);
      return protectedHeader.kid === client.keyId && life <= CLIENT_SECRET_MAX_SECONDS;
    } catch {
      return false;
    }
  };
}

/** Apple sends the name only with the first consent, as a separate field and not in the id token. */
function tellNameOnce(provider: Provider, state: ProviderState): void {
  const onSuccess = (ctx: KoaContextWithOIDC, answer: Record<string, unknown>) => {
    // Apple does not support RFC 9207.
    delete answer['iss'];
    const person = state.persons.get(ctx.oidc.session?.accountId ?? '');
    if (!person || state.consented.has(person.subject)) return;
    state.consented.add(person.subject);
    if (!ctx.oidc.requestParamScopes.has('name')) return;
    const [firstName, ...lastNames] = person.name.split(' ');
    answer['user'] = JSON.stringify({
      name: { firstName, lastName: lastNames.join(' ') },
      email: person.email,
    });
  };
  // The type definitions lack the second argument.
  provider.on('authorization.success', onSuccess as (ctx: KoaContextWithOIDC) => void);
}

/** Apple sends an id token without the scope "openid", and emails and names by POST only. */
function onRequest(ctx: KoaContextWithOIDC): boolean {
  if (ctx.path !== PATH.authorize) return true;
  const scopes = String(ctx.query['scope'] ?? '')
    .split(' ')
    .filter(Boolean);
  if (scopes.some((scope) => scope !== 'openid') && ctx.query['response_mode'] !== 'form_post') {
    ctx.status = 400;
    ctx.body = 'invalid_request: response_mode must be form_post when name or email scope is requested.\n';
    return false;
  }
  ctx.query = { ...ctx.query, scope: [...new Set(['openid', ...scopes])].join(' ') };
  return true;
}

function onAnswer(ctx: KoaContextWithOIDC): void {
  if (ctx.path !== PATH.discovery || !ctx.body) return;
  const metadata = ctx.body as Record<string, unknown>;
  delete metadata['authorization_response_iss_parameter_supported'];
  delete metadata['userinfo_endpoint'];
}
