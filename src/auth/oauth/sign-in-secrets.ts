import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomBytes } from 'node:crypto';
import type { ProviderName } from './identity.entity.ts';
import type { Provider } from './providers/provider.ts';

/** 256 bits: states, nonces, one-time codes. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** As it is stored. A slow hash is for guessable secrets (OWASP ASVS 5.0, 6.5.2). */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

const SECRET = /^[\w-]{43}$/;
/** Ten minutes for the attempt, one for its code. */
const LIFE_SECONDS = 11 * 60;

/** The prefix makes browsers require Secure, Path=/ and no Domain, so that no sibling host can set this cookie. */
const nameFor = (provider: ProviderName) => `__Host-oauth-${provider}`;

/**
 * Identifies the browser that started a sign-in. Prevents an attacker from finishing their own sign-in or link in the
 * browser of another user (RFC 9700, section 4.7). Sign-ins in several tabs share it.
 */
export function browserSecret(request: FastifyRequest, provider: ProviderName): string | undefined {
  const secret = request.cookies[nameFor(provider)];
  return secret !== undefined && SECRET.test(secret) ? secret : undefined;
}

export function bindBrowser(reply: FastifyReply, { name, callbackMethod }: Provider, secret: string): void {
  void reply.setCookie(nameFor(name), secret, {
    path: '/',
    httpOnly: true,
    secure: true,
    // Browsers send no Lax cookie with a form that another site posts.
    sameSite: callbackMethod === 'POST' ? 'none' : 'lax',
    maxAge: LIFE_SECONDS,
  });
}
