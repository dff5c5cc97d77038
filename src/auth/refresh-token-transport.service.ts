import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../platform/config/config.ts';
import { ForbiddenError } from '../platform/errors/platform.errors.ts';
import { localize } from '../platform/i18n/locales.ts';
import { RefreshTokenInvalidError } from './auth.errors.ts';
import type { SignInDevice } from './auth.service.ts';
import { authTexts } from './auth.texts.ts';
import { KnownDevices } from './passwords/known-devices.service.ts';
import { AccessTokensService, type TokenPair } from './sessions/access-tokens.service.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';
import type { ActiveSession } from './sessions/sessions.service.ts';

export type RefreshTokenIn = 'body' | 'cookie' | undefined;

/** With this prefix, browsers require Secure, Path=/ and no Domain. So another host can’t set this cookie. */
const COOKIE = '__Host-refresh';
/** Scripts can’t read the cookie, and browsers don’t send it with cross-site requests. */
const COOKIE_OPTIONS = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;
const DAY_SECONDS = 86_400;

/** Sends the refresh token in the response body or in a cookie, and reads it from the request. */
@Injectable()
export class RefreshTokenTransport {
  constructor(
    private readonly config: Config,
    private readonly accessTokens: AccessTokensService,
    private readonly refreshes: SessionRefreshService,
    private readonly devices: KnownDevices,
  ) {}

  /** The last step of every sign-in. Revokes the session that the browser already has (OWASP ASVS 5.0, 7.2.4). */
  async completeSignIn(
    session: ActiveSession,
    refreshTokenIn: RefreshTokenIn,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Partial<TokenPair>> {
    await this.revokeCurrentSession(request);
    const tokens = this.sendTokens(session, refreshTokenIn, reply);
    if (refreshTokenIn === 'cookie') this.devices.remember(request, reply, session.userId);
    return tokens;
  }

  /** Sets the cookie if the client uses one, and returns the response body. */
  sendTokens(
    session: ActiveSession,
    refreshTokenIn: RefreshTokenIn,
    reply: FastifyReply,
  ): Partial<TokenPair> {
    const { refreshToken, ...rest } = this.accessTokens.createTokenPair(session);
    if (refreshTokenIn !== 'cookie') return { ...rest, refreshToken };
    const maxAge = this.config.SESSION_IDLE_DAYS * DAY_SECONDS;
    void reply.setCookie(COOKIE, refreshToken, { ...COOKIE_OPTIONS, maxAge });
    return rest;
  }

  /** A token from the cookie is always replaced in the cookie. */
  readRefreshToken(request: FastifyRequest, bodyToken: string | undefined, refreshTokenIn: RefreshTokenIn) {
    if (bodyToken !== undefined) return { token: bodyToken, refreshTokenIn };
    const token = this.readCookie(request);
    if (token === undefined) throw new RefreshTokenInvalidError();
    return { token, refreshTokenIn: 'cookie' as const };
  }

  clearCookie(reply: FastifyReply): void {
    void reply.clearCookie(COOKIE, COOKIE_OPTIONS);
  }

  deviceOf(request: FastifyRequest): SignInDevice {
    return {
      userAgent: request.headers['user-agent'] ?? null,
      ipAddress: request.ip,
      deviceCookie: this.devices.cookieOf(request),
    };
  }

  /** Accepts the cookie only from allowed origins, to prevent cross-site request forgery. */
  private readCookie(request: FastifyRequest): string | undefined {
    const token = request.cookies[COOKIE];
    if (token === undefined) return undefined;
    const allowed = [new URL(this.config.PUBLIC_URL).origin, ...this.config.CORS_ORIGINS];
    const { origin, 'sec-fetch-site': site } = request.headers;
    // Browsers never send a strict cookie cross-site, so such a request is not from a browser page (OWASP ASVS 5.0, 3.5.1).
    if (!origin || !allowed.includes(origin) || site === 'cross-site') {
      throw new ForbiddenError({
        detail: localize(authTexts, (texts) => texts.originMissing),
      });
    }
    return token;
  }

  private async revokeCurrentSession(request: FastifyRequest): Promise<void> {
    const token = request.cookies[COOKIE];
    if (token !== undefined) await this.refreshes.revokeReplacedSession(token);
  }
}
