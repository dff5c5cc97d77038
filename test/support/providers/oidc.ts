import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import {
  type Account,
  type ClientMetadata,
  type Configuration,
  errors,
  interactionPolicy,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider';
import type { ProviderState } from './control.ts';
import { type IdTokenSigner, tamper } from './id-token.ts';
import { memoryAdapter } from './memory-adapter.ts';
import type { Person } from './person.ts';
import { postedPerson, signInPage } from './sign-in-page.ts';

export interface OidcOptions {
  issuer: string;
  state: ProviderState;
  client: ClientMetadata & { client_secret: string };
  /** The claims of the id token, and the scopes that request them. */
  claims: (person: Person) => Record<string, unknown>;
  scopes: Record<string, string[]>;
  routes: Configuration['routes'];
  /** Changes the request. Returns false if it has already responded. */
  onRequest?: (ctx: KoaContextWithOIDC) => boolean;
  onAnswer?: (ctx: KoaContextWithOIDC) => void;
}

export interface FakeOidc {
  provider: Provider;
  signer: IdTokenSigner;
}

/** A real OpenID provider that accepts every sign-in: what Google and Apple have in common. */
export async function createOidcProvider(options: OidcOptions): Promise<FakeOidc> {
  const { issuer, state, client } = options;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const signer = { key: privateKey, kid: `${state.name}-key`, clientSecret: client.client_secret };
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid: signer.kid, alg: 'RS256', use: 'sig' };
  const provider = new Provider(issuer, configuration(options, jwk));
  provider.use(async (context, next) => {
    const ctx = context as unknown as KoaContextWithOIDC;
    if (options.onRequest?.(ctx) === false) return;
    if (ctx.path.startsWith('/sign-in/')) return answerSignIn(provider, state, ctx);
    await next();
    options.onAnswer?.(ctx);
    const body = ctx.body as { id_token?: string | undefined } | undefined;
    if (ctx.path === options.routes?.token && body?.id_token) {
      body.id_token = await tamper(body.id_token, state, signer);
    }
  });
  return { provider, signer };
}

function configuration({ state, client, claims, scopes, routes }: OidcOptions, jwk: JWK): Configuration {
  return {
    adapter: memoryAdapter(),
    clients: [{ token_endpoint_auth_method: 'client_secret_post', ...client }],
    clientAuthMethods: ['client_secret_post'],
    jwks: { keys: [jwk] },
    routes,
    scopes: Object.keys(scopes),
    claims: scopes,
    // As Google and Apple do: the id token of the code flow contains the claims of the scopes.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    responseTypes: ['code'],
    features: { devInteractions: { enabled: false } },
    // All ports of a host share cookies. Without separate names, two fake providers would overwrite each other's.
    cookies: {
      keys: [randomBytes(32).toString('hex')],
      names: {
        session: `${state.name}_session`,
        interaction: `${state.name}_interaction`,
        resume: `${state.name}_resume`,
      },
    },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Grant: 600,
      Interaction: 3600,
      Session: 3600,
    },
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}`, policy: [askWho(state, claims)] },
    findAccount: (_ctx, subject) => accountOf(state, claims, subject),
    loadExistingGrant: async (ctx) => grantEverything(ctx, ctx.oidc.session?.accountId as string),
    renderError: (ctx, { error, error_description: description }) => {
      ctx.type = 'text/plain';
      ctx.body = `${error}: ${description ?? ''}\n`;
    },
  };
}

/** Ignores the browser's session and asks each time, because developers switch between people. */
function askWho(state: ProviderState, claims: OidcOptions['claims']) {
  const check = new interactionPolicy.Check('who', 'Sign-in required', 'login_required', async (ctx) => {
    if (state.hostile === 'deny') throw new errors.AccessDenied('The person pressed Deny');
    if (ctx.oidc.result?.login) return interactionPolicy.Check.NO_NEED_TO_PROMPT;
    if (!state.person) return interactionPolicy.Check.REQUEST_PROMPT;
    state.persons.set(state.person.subject, state.person);
    await signInAtOnce(ctx, accountOf(state, claims, state.person.subject));
    return interactionPolicy.Check.NO_NEED_TO_PROMPT;
  });
  return new interactionPolicy.Prompt({ name: 'login', requestable: false }, check);
}

/** The result of the sign-in page in one request, without its cookies. */
async function signInAtOnce(ctx: KoaContextWithOIDC, account: Account | undefined): Promise<void> {
  if (!account) return;
  const { oidc } = ctx;
  oidc.session?.loginAccount({ accountId: account.accountId });
  oidc.entity('Account', account);
  oidc.entity('Grant', await grantEverything(ctx, account.accountId));
}

async function grantEverything(ctx: KoaContextWithOIDC, accountId: string) {
  const { oidc } = ctx;
  const clientId = oidc.client?.clientId as string;
  const grant = new oidc.provider.Grant({ accountId, clientId });
  grant.addOIDCScope([...oidc.requestParamScopes].join(' '));
  await grant.save();
  oidc.session?.ensureClientContainer(clientId);
  oidc.session?.grantIdFor(clientId, grant.jti);
  return grant;
}

function accountOf(
  state: ProviderState,
  claims: OidcOptions['claims'],
  subject: string,
): Account | undefined {
  const person = state.persons.get(subject);
  if (!person) return undefined;
  const isVerified = person.emailVerified && state.hostile !== 'unverified-email';
  return {
    accountId: subject,
    claims: () => Promise.resolve({ sub: subject, ...claims({ ...person, emailVerified: isVerified }) }),
  };
}

async function answerSignIn(
  provider: Provider,
  state: ProviderState,
  ctx: KoaContextWithOIDC,
): Promise<void> {
  if (ctx.method !== 'POST') {
    ctx.type = 'html';
    ctx.body = signInPage(state.name, ctx.path);
    return;
  }
  const person = postedPerson(state.name, new URLSearchParams(await text(ctx.req)));
  if (person) state.persons.set(person.subject, person);
  const result = person
    ? { login: { accountId: person.subject } }
    : { error: 'access_denied', error_description: 'The person pressed Deny' };
  // The function writes the response.
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, result);
}
