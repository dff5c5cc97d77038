import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProviderName } from './identity.entity.ts';
import type { Provider } from './providers/provider.ts';

const SECRET = /^[\w-]{43}$/;
/** An attempt’s ten minutes and its code’s one. */
const LIFE_SECONDS = 11 * 60;

/** The prefix makes browsers insist on Secure, Path=/ and no Domain, so that no sibling host can plant one. */
const nameFor = (provider: ProviderName) => `__Host-oauth-${provider}`;

/**
 * What tells the browser that began a sign-in from every other one, so that nobody can finish their own sign-in, or
 * link, in somebody else’s browser (RFC 9700, section 4.7). Sign-ins in several tabs share it.
 */
export function browserSecret(request: FastifyRequest, provider: ProviderName): string | undefined {
  const secret = request.cookies[nameFor(provider)];
  return secret !== undefined && SECRET.test(secret) ? secret : undefined;
}

export function bindBrowser(reply: FastifyReply, { name, comesBackBy }: Provider, secret: string): void {
  void reply.setCookie(nameFor(name), secret, {
    path: '/',
    httpOnly: true,
    secure: true,
    // A form that another site posts carries no Lax cookie.
    sameSite: comesBackBy === 'POST' ? 'none' : 'lax',
    maxAge: LIFE_SECONDS,
  });
}
