import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { ValidationFailedError } from '../errors/platform.errors.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import { translate } from '../logging/request-context.ts';
import { ENDPOINT } from '../openapi/endpoint.decorator.ts';

/** Rejects query parameters on routes without `@Query`, so that a client notices a misspelt filter. */
@Injectable()
export class UnknownQueryInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === 'http' && rejectsQuery(context)) {
      const names = Object.keys(context.switchToHttp().getRequest<FastifyRequest>().query as object);
      if (names.length > 0) {
        throw new ValidationFailedError({
          details: names.map((path) => ({
            path,
            code: 'UNKNOWN_PROPERTY',
            message: translate(platformTexts).unknownParameter,
          })),
        });
      }
    }
    return next.handle();
  }
}

/** Nest has no public API for the parameters of a handler. validation.spec.ts fails if this metadata changes. */
function rejectsQuery(context: ExecutionContext): boolean {
  const handler = context.getHandler();
  if (!Reflect.hasMetadata(ENDPOINT, handler)) return false;
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), handler.name) ?? {}) as object;
  return !Object.keys(args).some((name) => name.split(':')[0] === String(RouteParamtypes.QUERY));
}
