import { type CanActivate, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { ValidationFailedError } from '../errors/platform.errors.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import { translate } from '../logging/request-context.ts';

/** Rejects all query parameters, so that a client notices a misspelt filter. */
@Injectable()
class UnknownQueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const names = Object.keys(context.switchToHttp().getRequest<FastifyRequest>().query as object);
    if (names.length === 0) return true;
    throw new ValidationFailedError({
      details: names.map((path) => ({
        path,
        code: 'UNKNOWN_PROPERTY',
        message: translate(platformTexts).unknownParameter,
      })),
    });
  }
}

/** For routes without `@Query`. The guard runs after the global ones, so an anonymous caller gets 401 first. */
export const rejectUnknownQuery: MethodDecorator = (target, key, descriptor) => {
  if (!takesQuery(target.constructor, key)) UseGuards(UnknownQueryGuard)(target, key, descriptor);
};

/** Nest has no public API for the parameters of a handler. validation.spec.ts fails if this metadata changes. */
function takesQuery(controller: object, handler: string | symbol): boolean {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ?? {}) as object;
  return Object.keys(args).some((name) => name.split(':')[0] === String(RouteParamtypes.QUERY));
}
