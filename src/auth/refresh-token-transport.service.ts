import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../platform/config/config.ts';
import { AccessTokensService, type TokenPair } from './sessions/access-tokens.service.ts';
import { peekRefreshCookie, readRefreshCookie, setRefreshCookie } from './sessions/refresh-cookie.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';
import { RefreshTokenInvalidError } from './sessions/sessions.errors.ts';
import { type Device, type LiveSession, SessionsService } from './sessions/sessions.service.ts';
import { DataSource } from 'typeorm';

export type RefreshTokenIn = 'body' | 'cookie' | undefined;

/** How tokens travel: in the body, or the refresh token in a cookie. Every way to sign in ends here. */
@Injectable()
export class RefreshTokenTransport {
  constructor(
    private readonly config: Config,
    private readonly accessTokens: AccessTokensService,
    private readonly sessions: SessionsService,
    private readonly refreshes: SessionRefreshService,
    private readonly db: DataSource,
  ) {}

  async deliver(
    session: LiveSession,
    into: RefreshTokenIn,
    reply: FastifyReply,
  ): Promise<Partial<TokenPair>> {
    const { refreshToken, ...rest } = await this.accessTokens.pair(session);
    if (into !== 'cookie') return { ...rest, refreshToken };
    setRefreshCookie(reply, refreshToken, this.config);
    return rest;
  }

  /** What was asked to be refreshed, and where the successor goes: a token that came in a cookie stays in one. */
  readRefreshToken(request: FastifyRequest, given: string | undefined, into: RefreshTokenIn) {
    if (given !== undefined) return { token: given, into };
    const token = readRefreshCookie(request, this.config);
    if (token === undefined) throw new RefreshTokenInvalidError();
    return { token, into: 'cookie' as const };
  }

  /** A sign-in never goes on with the session that the browser brings: it ends (OWASP ASVS 5.0, 7.2.4). */
  async revokeCurrentSession(request: FastifyRequest): Promise<void> {
    const token = peekRefreshCookie(request);
    const sessionId = token === undefined ? null : await this.refreshes.sessionOf(token);
    if (!sessionId) return;
    await this.sessions.end(sessionId, 'replaced', this.db.manager);
    this.sessions.announceEnded([sessionId]);
  }

  deviceOf = (request: FastifyRequest): Device => ({
    userAgent: request.headers['user-agent'] ?? null,
    ipAddress: request.ip,
  });
}
