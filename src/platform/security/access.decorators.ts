import { type ArgumentsHost, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from './principal.ts';

export const IS_PUBLIC = 'access:public';
export const ROLES = 'access:roles';

/** Allows anonymous callers. All other routes need a signed-in user. */
export const Public = () => SetMetadata(IS_PUBLIC, true);

/** Allows only users with one of these roles. */
export const Roles = (...roles: string[]) => SetMetadata(ROLES, roles);

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const user = callerOf(context);
  if (!user) throw new Error('@CurrentUser() is used on a route with @Public()');
  return user;
});

/** The authenticated caller of a request or of a GraphQL field. Undefined on public routes. */
export function callerOf(context: ExecutionContext): Principal | undefined {
  if (isGraphql(context)) return context.getArgByIndex<{ caller?: Principal }>(2).caller;
  return context.switchToHttp().getRequest<FastifyRequest & { user?: Principal }>().user;
}

/** Nest calls guards, pipes, interceptors and filters for each root field of a GraphQL operation too. */
export const isGraphql = (context: ArgumentsHost): boolean => context.getType<string>() === 'graphql';
