import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from './principal.ts';

export const IS_PUBLIC = 'access:public';
export const ROLES = 'access:roles';

/** Opens a route to anonymous callers. Without it every route needs a signed-in user. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** Closes a route to all but these roles. */
export const Roles = (...roles: string[]) => SetMetadata(ROLES, roles);

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { user } = context.switchToHttp().getRequest<FastifyRequest & { user?: Principal }>();
  if (!user) throw new Error('A route that reads the current user must not be public');
  return user;
});
