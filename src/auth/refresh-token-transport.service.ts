import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../platform/config/config.ts';
import { RefreshTokenInvalidError } from './auth.errors.ts';
import type { SignInDevice } from './auth.service.ts';
import { KnownDevices } from './passwords/known-devices.service.ts';
import { AccessTokensService, type TokenPair } from './sessions/access-tokens.service.ts';
import { peekRefreshCookie, readRefreshCookie, setRefreshCookie } from './sessions/refresh-cookie.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';
import type { ActiveSession } from './sessions/sessions.service.ts';

export type RefreshTokenIn = 'body' | 'cookie' | undefined;

/** Sends the refresh token in the body or in a cookie, and reads it from there. */
@Injectable()
export class RefreshTokenTransport {
  constructor(
    private readonly config: Config,
    private readonly accessTokens: AccessTokensService,
    private readonly refreshes: SessionRefreshService,
    private readonly devices: KnownDevices,
  ) {}

  /** The end of every sign-in. A session that the browser already has ends (OWASP ASVS 5.0, 7.2.4). */
  async deliverSignIn(
    session: ActiveSession,
    refreshTokenIn: RefreshTokenIn,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Partial<TokenPair>> {
    await this.revokeCurrentSession(request);
    const tokens = await this.deliver(session, refreshTokenIn, reply);
    if (refreshTokenIn === 'cookie') this.devices.remember(request, reply, session.userId);
    return tokens;
  }

  async deliver(
    session: ActiveSession,
    refreshTokenIn: RefreshTokenIn,
    reply: FastifyReply,
  ): Promise<Partial<TokenPair>> {
    const { refreshToken, ...rest } = await this.accessTokens.pair(session);
    if (refreshTokenIn !== 'cookie') return { ...rest, refreshToken };
    setRefreshCookie(reply, refreshToken, this.config);
    return rest;
  }

  /** The refresh token of a request, and where the next one is sent: one from the cookie stays in the cookie. */
  readRefreshToken(request: FastifyRequest, given: string | undefined, into: RefreshTokenIn) {
    if (given !== undefined) return { token: given, into };
    const token = readRefreshCookie(request, this.config);
    if (token === undefined) throw new RefreshTokenInvalidError();
    return { token, into: 'cookie' as const };
  }

  deviceOf(request: FastifyRequest): SignInDevice {
    return {
      userAgent: request.headers['user-agent'] ?? null,
      ipAddress: request.ip,
      deviceCookie: this.devices.cookieOf(request),
    };
  }

  private async revokeCurrentSession(request: FastifyRequest): Promise<void> {
    const token = peekRefreshCookie(request);
    if (token !== undefined) await this.refreshes.revokeReplacedSession(token);
  }
}
