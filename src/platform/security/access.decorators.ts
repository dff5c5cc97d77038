import {
  type ArgumentsHost,
  createParamDecorator,
  type CustomDecorator,
  type ExecutionContext,
  SetMetadata,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Permission } from './permissions.ts';
import type { Principal } from './principal.ts';

const IS_PUBLIC = 'access:public';
const PERMISSION = 'access:permission';

/** Whether the route needs a signed-in user, may have one, or ignores tokens. */
export type RouteAccess = 'required' | 'optional' | 'none';

type Handler = (...args: never[]) => unknown;
/** Rejects a handler with a parameter of the type Principal: with an anonymous caller it would be undefined. */
type AcceptsAnonymous<Method extends Handler> = true extends {
  [Index in keyof Parameters<Method>]: [Parameters<Method>[Index]] extends [Principal] ? true : false;
}[number]
  ? { error: 'The caller may be anonymous: write @CurrentUser() caller: Principal | undefined' }
  : unknown;
type OptionalCallerDecorator = <Method extends Handler>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & AcceptsAnonymous<Method>,
) => void;

/**
 * Allows anonymous callers. All other routes need a signed-in user. With `{ caller: 'optional' }` a request may have an
 * access token, and `@CurrentUser()` is undefined without one. An invalid or expired token is 401, so that the client
 * refreshes it. Without the option, tokens are ignored.
 */
export function Public(): CustomDecorator;
export function Public(options: { caller: 'optional' }): OptionalCallerDecorator;
export function Public(options?: { caller: 'optional' }): CustomDecorator {
  return SetMetadata(IS_PUBLIC, options?.caller ?? true);
}

/** The access that `@Public()` sets for a route. On a handler it overrides that of the controller. */
export function accessOf(handler: object, controller: object): RouteAccess {
  const mark: unknown = Reflect.getMetadata(IS_PUBLIC, handler) ?? Reflect.getMetadata(IS_PUBLIC, controller);
  if (mark === 'optional') return 'optional';
  return mark === true ? 'none' : 'required';
}

/** Allows only users whose role has the permission. Its feature registers it with `PermissionsModule.forFeature`. */
export const RequirePermission = (permission: Permission) => SetMetadata(PERMISSION, permission);

/** The permission of a route or a GraphQL field. On a handler it overrides that of the class. */
export const permissionOf = (handler: object, owner: object): Permission | undefined =>
  (Reflect.getMetadata(PERMISSION, handler) ?? Reflect.getMetadata(PERMISSION, owner)) as
    Permission | undefined;

/** The caller. Undefined for an anonymous caller of a route with `@Public({ caller: 'optional' })`. */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal | undefined => {
    const user = callerOf(context);
    if (!user && accessOf(context.getHandler(), context.getClass()) === 'none')
      throw new Error(
        '@CurrentUser() is used on a route with @Public(): use @Public({ caller: "optional" })',
      );
    return user;
  },
);

/** The authenticated caller of a request or of a GraphQL field. Undefined on public routes. */
export function callerOf(context: ExecutionContext): Principal | undefined {
  if (isGraphql(context)) return context.getArgByIndex<{ caller?: Principal }>(2).caller;
  return context.switchToHttp().getRequest<FastifyRequest & { user?: Principal }>().user;
}

/** Nest calls guards, pipes, interceptors and filters for each root field of a GraphQL operation too. */
export const isGraphql = (context: ArgumentsHost): boolean => context.getType<string>() === 'graphql';
