import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from './principal.ts';

export const IS_PUBLIC = 'access:public';
export const ROLES = 'access:roles';

/** Allows anonymous callers. All other routes need a signed-in user. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** Allows only users with one of these roles. */
export const Roles = (...roles: string[]) => SetMetadata(ROLES, roles);

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { user } = context.switchToHttp().getRequest<FastifyRequest & { user?: Principal }>();
  if (!user) throw new Error('@CurrentUser() is used on a route with @Public()');
  return user;
});
