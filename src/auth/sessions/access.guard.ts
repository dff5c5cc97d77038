import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  ForbiddenError,
  UnauthenticatedError,
  UnavailableError,
} from '../../platform/errors/platform.errors.ts';
import type { GraphqlContext } from '../../platform/graphql/graphql-context.ts';
import { contextOf } from '../../platform/http/request-hooks.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { accessOf, callerOf, isGraphql, permissionOf } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import {
  isExemptFromRateLimits,
  RATE_LIMIT,
  type RateLimitName,
} from '../../platform/security/rate-limit.decorator.ts';
import { RateLimiter } from '../../platform/security/rate-limiter.service.ts';
import { authTexts } from '../auth.texts.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { VerifiedTokens } from './verified-tokens.service.ts';

type Request = FastifyRequest & { user?: Principal };

/** Global: every route needs a signed-in user unless it is marked `@Public()`, so that a forgotten mark is safe. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly limiter: RateLimiter,
    private readonly revocations: SessionRevocations,
    private readonly verifiedTokens: VerifiedTokens,
  ) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (isGraphql(context)) return this.checkField(context);
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const reply = http.getResponse<FastifyReply>();
    const access = accessOf(context.getHandler(), context.getClass());
    if (access === 'optional') varyByCaller(reply);
    const hasToken = request.headers.authorization !== undefined;
    const authenticates = access === 'required' || (access === 'optional' && hasToken);
    const rejection = authenticates ? await this.authenticate(context, request) : undefined;
    // Before the rejection, so that requests with invalid tokens are counted too, by IP address.
    await this.limit(context, request, reply);
    if (rejection) throw rejection;
    return this.checkPermission(context);
  }

  /** Hides the reasons that Passport gives, so that a client can't probe them. */
  override handleRequest<T>(error: unknown, user: T | false): T {
    if (error || !user) throw new UnauthenticatedError();
    return user;
  }

  /** A root field of a GraphQL operation. Its route or its WebSocket has authenticated the caller. */
  private async checkField(context: ExecutionContext): Promise<boolean> {
    const operation = context.getArgByIndex<GraphqlContext>(2);
    if (!callerOf(context)) throw new UnauthenticatedError();
    // Each field counts as a request, because one request could do the work of many. The route has counted the first.
    if (operation.freeRootFields > 0) operation.freeRootFields -= 1;
    else {
      const { caller, ip, response } = operation;
      await this.limiter.count('default', { userId: caller.userId, ip }, response);
    }
    return this.checkPermission(context);
  }

  private checkPermission(context: ExecutionContext): boolean {
    const permission = permissionOf(context.getHandler(), context.getClass());
    if (permission && !callerOf(context)?.permissions.has(permission)) throw new ForbiddenError();
    return true;
  }

  private async authenticate(context: ExecutionContext, request: Request): Promise<unknown> {
    if (this.revocations.isStale) return staleSessions();
    const { authorization } = request.headers;
    const known = this.verifiedTokens.find(authorization);
    try {
      if (known) request.user = known;
      else await super.canActivate(context);
    } catch (error) {
      return error;
    }
    if (!known && authorization) this.verifiedTokens.add(authorization, request.user!);
    const { userId, sessionId } = request.user!;
    Object.assign(contextOf(request) ?? {}, { userId, sessionId });
    return undefined;
  }

  private async limit(context: ExecutionContext, request: Request, reply: FastifyReply): Promise<void> {
    if (isExemptFromRateLimits(request.url)) return;
    const name = (this.metadata(RATE_LIMIT, context) as RateLimitName | undefined) ?? 'default';
    const ip = contextOf(request)?.ipAddress ?? request.ip;
    await this.limiter.count(name, { userId: request.user?.userId, ip }, reply);
  }

  private metadata(key: string, context: ExecutionContext): unknown {
    return this.reflector.getAllAndOverride<unknown>(key, [context.getHandler(), context.getClass()]);
  }
}

/** The response depends on the caller, which a shared cache must know if the route allows caching. */
function varyByCaller(reply: FastifyReply): void {
  const earlier = reply.getHeader('vary');
  void reply.header('vary', earlier === undefined ? 'Authorization' : `${String(earlier)}, Authorization`);
}

/** Fail closed: a session may have been revoked since this instance last reached Postgres. */
export const staleSessions = () =>
  new UnavailableError({
    detail: localize(authTexts, (texts) => texts.sessionsUnknown),
    headers: { 'retry-after': '5' },
  });
