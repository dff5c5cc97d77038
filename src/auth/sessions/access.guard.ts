import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { ForbiddenError, UnauthenticatedError } from '../../platform/errors/platform.errors.ts';
import { contextOf } from '../../platform/http/request-hooks.ts';
import { IS_PUBLIC, ROLES } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';

/** Global: a route is for signed-in users unless it says otherwise, so that a forgotten mark closes and never opens. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  constructor(private readonly reflector: Reflector) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, targets)) return true;
    await super.canActivate(context);
    const request = context.switchToHttp().getRequest<FastifyRequest & { user: Principal }>();
    const requestContext = contextOf(request);
    if (requestContext)
      Object.assign(requestContext, { userId: request.user.userId, sessionId: request.user.sessionId });
    const roles = this.reflector.getAllAndOverride<string[] | undefined>(ROLES, targets);
    if (roles && !roles.some((role) => request.user.roles.includes(role))) throw new ForbiddenError();
    return true;
  }

  /** Passport’s reasons are for the log of whoever debugs a client; the client learns only that it was refused. */
  override handleRequest<T>(error: unknown, user: T | false): T {
    if (error || !user) throw new UnauthenticatedError();
    return user;
  }
}
