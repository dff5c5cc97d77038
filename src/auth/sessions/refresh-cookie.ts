import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../platform/config/config.ts';
import { ForbiddenError } from '../../platform/errors/platform.errors.ts';

/** The prefix makes browsers require Secure, Path=/ and no Domain, so that no sibling host can set this cookie. */
const NAME = '__Host-refresh';
const DAY_SECONDS = 86_400;

/** Scripts can't read it, and browsers don't send it with cross-site requests. */
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;

export function setRefreshCookie(reply: FastifyReply, token: string, config: Config): void {
  void reply.setCookie(NAME, token, { ...ATTRIBUTES, maxAge: config.SESSION_IDLE_DAYS * DAY_SECONDS });
}

export function clearRefreshCookie(reply: FastifyReply): void {
  void reply.clearCookie(NAME, ATTRIBUTES);
}

export const peekRefreshCookie = (request: FastifyRequest): string | undefined => request.cookies[NAME];

/** Reads the token from the cookie, only for requests from allowed origins (CSRF protection). */
export function readRefreshCookie(request: FastifyRequest, config: Config): string | undefined {
  const token = peekRefreshCookie(request);
  if (token === undefined) return undefined;
  const own = new URL(config.PUBLIC_URL).origin;
  const { origin, 'sec-fetch-site': site } = request.headers;
  // Browsers never send a strict cookie cross-site, so reject such a request (OWASP ASVS 5.0, 3.5.1).
  if (!origin || ![own, ...config.CORS_ORIGINS].includes(origin) || site === 'cross-site') {
    throw new ForbiddenError({ detail: 'A refresh by cookie needs an Origin that is allowed.' });
  }
  return token;
}
