import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { ValidationFailedError } from '../errors/platform.errors.ts';

export const TAKES_QUERY = 'http:takes-query';

/** A route without a query schema takes no query: a misspelt filter must not look like one that was applied. */
@Injectable()
export class UnknownQueryInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === 'http' && Reflect.getMetadata(TAKES_QUERY, context.getHandler()) === false) {
      const names = Object.keys(context.switchToHttp().getRequest<FastifyRequest>().query as object);
      if (names.length > 0) {
        throw new ValidationFailedError({
          details: names.map((path) => ({
            path,
            code: 'UNKNOWN_PROPERTY',
            message: 'This parameter is not known.',
          })),
        });
      }
    }
    return next.handle();
  }
}
