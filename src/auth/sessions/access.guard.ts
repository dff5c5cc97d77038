import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  ForbiddenError,
  UnauthenticatedError,
  UnavailableError,
} from '../../platform/errors/platform.errors.ts';
import { contextOf } from '../../platform/http/request-hooks.ts';
import { IS_PUBLIC, ROLES } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { RATE_LIMIT, type RateLimitName } from '../../platform/security/rate-limit.decorator.ts';
import { RateLimiter } from '../../platform/security/rate-limiter.service.ts';
import { SessionRevocations } from './session-revocations.service.ts';

type Request = FastifyRequest & { user?: Principal };

/** Global: a route is for signed-in users unless it says otherwise, so that a forgotten mark closes and never opens. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly limiter: RateLimiter,
    private readonly revocations: SessionRevocations,
  ) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const isPublic = this.read(IS_PUBLIC, context) === true;
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const refusal = isPublic ? undefined : await this.authenticate(context, request);
    // Before the refusal is told: tokens that are not valid are counted too, by where they come from.
    await this.limit(context, request, http.getResponse());
    if (refusal) throw refusal;
    const roles = this.read(ROLES, context) as string[] | undefined;
    if (roles && !roles.some((role) => request.user?.roles.includes(role))) throw new ForbiddenError();
    return true;
  }

  /** Passport’s reasons are for whoever debugs a client; the client learns only that it was refused. */
  override handleRequest<T>(error: unknown, user: T | false): T {
    if (error || !user) throw new UnauthenticatedError();
    return user;
  }

  private async authenticate(context: ExecutionContext, request: Request): Promise<unknown> {
    // Fail closed: a session may have been revoked since this instance last reached Postgres.
    if (this.revocations.isStale) {
      return new UnavailableError({
        detail: 'The server can’t check sessions now. Try again in a few seconds.',
        headers: { 'retry-after': '5' },
      });
    }
    try {
      await super.canActivate(context);
    } catch (error) {
      return error;
    }
    const { userId, sessionId } = request.user!;
    Object.assign(contextOf(request) ?? {}, { userId, sessionId });
    return undefined;
  }

  private async limit(context: ExecutionContext, request: Request, reply: FastifyReply): Promise<void> {
    // Health, keys and documents are asked for by machines that must not be turned away.
    if (!request.routeOptions.url?.startsWith('/v1/')) return;
    const name = (this.read(RATE_LIMIT, context) as RateLimitName | undefined) ?? 'default';
    await this.limiter.count(name, { userId: request.user?.userId, ip: request.ip }, reply);
  }

  private read(key: string, context: ExecutionContext): unknown {
    return this.reflector.getAllAndOverride<unknown>(key, [context.getHandler(), context.getClass()]);
  }
}
