import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../platform/config/config.ts';
import { ForbiddenError } from '../../platform/errors/platform.errors.ts';

/** The prefix makes browsers insist on Secure, Path=/ and no Domain, so that no sibling host can plant one. */
const NAME = '__Host-refresh';
const DAY_SECONDS = 86_400;

/** Out of reach of scripts, and sent by no page of another site. */
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;

export function setRefreshCookie(reply: FastifyReply, token: string, config: Config): void {
  void reply.setCookie(NAME, token, { ...ATTRIBUTES, maxAge: config.SESSION_IDLE_DAYS * DAY_SECONDS });
}

export function clearRefreshCookie(reply: FastifyReply): void {
  void reply.clearCookie(NAME, ATTRIBUTES);
}

export const peekRefreshCookie = (request: FastifyRequest): string | undefined => request.cookies[NAME];

/** The token of the cookie, where the request comes from a page of ours: a cookie alone is no proof of who asked. */
export function readRefreshCookie(request: FastifyRequest, config: Config): string | undefined {
  const token = peekRefreshCookie(request);
  if (token === undefined) return undefined;
  const own = new URL(config.PUBLIC_URL).origin;
  const { origin, 'sec-fetch-site': site } = request.headers;
  // No browser sends a strict cookie across sites: whoever says so is not to be believed (OWASP ASVS 5.0, 3.5.1).
  if (!origin || ![own, ...config.CORS_ORIGINS].includes(origin) || site === 'cross-site') {
    throw new ForbiddenError({ detail: 'A refresh by cookie needs an Origin that is allowed.' });
  }
  return token;
}
