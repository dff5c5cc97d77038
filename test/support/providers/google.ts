import type { ProviderState } from './control.ts';
import { createOidcProvider } from './oidc.ts';
import { listen, type ProviderServer } from './server.ts';

export interface FakeGoogle {
  issuer: string;
  clientId: string;
  clientSecret: string;
}

const PATH = {
  discovery: '/.well-known/openid-configuration',
  jwks: '/oauth2/v3/certs',
  authorize: '/o/oauth2/v2/auth',
  token: '/token',
};

export async function startGoogle(
  state: ProviderState,
  address: { port: number; host: string },
  client: { clientId: string; clientSecret: string; redirectUri: string },
): Promise<{ google: FakeGoogle; server: ProviderServer }> {
  const server = await listen(state, PATH, address);
  const { clientId, clientSecret, redirectUri } = client;
  const { provider } = await createOidcProvider({
    issuer: server.origin,
    state,
    client: { client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] },
    routes: { authorization: PATH.authorize, token: PATH.token, jwks: PATH.jwks },
    scopes: {
      openid: ['sub', 'hd'],
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name'],
    },
    claims: ({ email, emailVerified, name, hostedDomain }) => ({
      email,
      email_verified: emailVerified,
      name,
      given_name: name.split(' ')[0],
      family_name: name.split(' ').slice(1).join(' '),
      ...(hostedDomain && { hd: hostedDomain }),
    }),
  });
  const listener = provider.callback();
  server.handle((request, response) => void listener(request, response));
  return { google: { issuer: server.origin, clientId, clientSecret }, server };
}
