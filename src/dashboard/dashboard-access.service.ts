import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { SessionsService } from '../auth/sessions/sessions.service.ts';
import { Config } from '../platform/config/config.ts';
import { ForbiddenError, UnauthenticatedError } from '../platform/errors/platform.errors.ts';
import { contextOf } from '../platform/http/request-hooks.ts';
import { MacService } from '../platform/security/mac.service.ts';
import { definePermission, Roles } from '../platform/security/permissions.ts';
import { UsersService } from '../users/users.service.ts';

/** Because of the prefix, browsers require Secure, Path=/ and no Domain, so no other subdomain can set this cookie. */
const COOKIE = '__Host-dashboard';
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;
const LIFETIME_SECONDS = 15 * 60;
const PURPOSE = 'dashboard';
/** The session id, the expiry in seconds since 1970, and the MAC of both. */
const FORMAT = /^([0-9a-f-]{36})\.(\d{10})\.([\w-]{43})$/;

export const queuesWatch = definePermission({
  name: 'queues:watch',
  description: 'Open the dashboard of the queues.',
});

/** Allows browsers with the cookie of a session whose user has the permission. See docs/decisions/0015-dashboard-cookie.md. */
@Injectable()
export class DashboardAccess {
  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly roles: Roles,
    private readonly config: Config,
  ) {}

  grant(reply: FastifyReply, sessionId: string): void {
    const content = `${sessionId}.${Math.floor(Date.now() / 1_000) + LIFETIME_SECONDS}`;
    const cookie = `${content}.${this.macs.sign(PURPOSE, content)}`;
    void reply.setCookie(COOKIE, cookie, { ...ATTRIBUTES, maxAge: LIFETIME_SECONDS });
  }

  revoke(reply: FastifyReply): void {
    void reply.clearCookie(COOKIE, ATTRIBUTES);
  }

  async check(request: FastifyRequest): Promise<void> {
    const sessionId = this.sessionIn(request.cookies[COOKIE]);
    // Check the database: the list in memory drops a revoked session when its access tokens have expired.
    const session = sessionId && (await this.sessions.findActive(sessionId, this.db.manager));
    if (!session) throw new UnauthenticatedError();
    const { userId } = session;
    Object.assign(contextOf(request) ?? {}, { userId, sessionId });
    const user = await this.users.find(userId);
    const isAllowed = user?.status === 'active' && this.roles.permissionsOf(user.role).has(queuesWatch);
    if (!isAllowed) throw new ForbiddenError();
    if (!['GET', 'HEAD'].includes(request.method)) this.requireOwnPage(request);
  }

  requireOwnPage(request: FastifyRequest): void {
    if (this.isFromOwnPage(request)) return;
    throw new ForbiddenError({
      detail: 'Only pages of this origin may send this request. Open /admin/queues on this host.',
    });
  }

  private sessionIn(cookie = ''): string | undefined {
    const [, sessionId, expiresAt, mac = ''] = FORMAT.exec(cookie) ?? [];
    if (!this.macs.verify(PURPOSE, `${sessionId}.${expiresAt}`, mac)) return undefined;
    return Number(expiresAt) * 1_000 > Date.now() ? sessionId : undefined;
  }

  /** Protects against cross-site requests. Browsers set these headers, and pages can't change them. */
  private isFromOwnPage({ headers: { origin, 'sec-fetch-site': site } }: FastifyRequest): boolean {
    if (site !== undefined) return site === 'same-origin';
    return origin === new URL(this.config.PUBLIC_URL).origin;
  }
}
