import { applyDecorators, HttpCode, SerializeOptions } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { ApiBearerAuth, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import type { AppErrorClass } from '../errors/app-error.ts';
import {
  ForbiddenError,
  InternalError,
  InvalidCursorError,
  MalformedJsonError,
  NotFoundError,
  PayloadTooLargeError,
  UnauthenticatedError,
  UnavailableError,
  UnsupportedMediaTypeError,
  ValidationFailedError,
} from '../errors/platform.errors.ts';
import { IS_PUBLIC, ROLES } from '../security/access.decorators.ts';
import { TAKES_QUERY } from '../http/unknown-query.interceptor.ts';
import { problemResponse } from './problem-response.ts';

export interface EndpointOptions {
  summary: string;
  description?: string;
  /** Of the success; 200 unless given, 204 where nothing is returned. */
  status?: number;
  /** What leaves the server, and nothing besides: `item(…)`, `list(…)` or `page(…)`. Left out: no body. */
  returns?: z.ZodType;
  /** Sent instead of JSON, for example `text/csv`. */
  produces?: string;
  /** What this route may refuse, beyond what any route of its kind may. */
  errors?: AppErrorClass[];
  headers?: Record<string, { description: string; schema: { type: 'string' } }>;
}

/**
 * Everything a client may know about a route, in one place: the whitelist of its answer and its OpenAPI description.
 * Written above `@Public()` and `@Roles()`, which it reads.
 */
export function Endpoint(options: EndpointOptions): MethodDecorator {
  return (target, key, descriptor) => {
    const handler = descriptor.value as object;
    const status = options.status ?? (options.returns || options.produces ? 200 : 204);
    const args = Object.keys(
      (Reflect.getMetadata(ROUTE_ARGS_METADATA, target.constructor, key) as object | undefined) ?? {},
    ).map((name) => Number(name.split(':')[0]) as RouteParamtypes);
    Reflect.defineMetadata(TAKES_QUERY, args.includes(RouteParamtypes.QUERY), handler);
    const errors = [...(options.errors ?? []), ...impliedErrors(handler, args)];
    if (isPaged(options.returns)) errors.push(InvalidCursorError);
    applyDecorators(
      HttpCode(status),
      ApiOperation({
        summary: options.summary,
        ...(options.description && { description: options.description }),
      }),
      ...success(status, options),
      ...problems(errors),
      ...(Reflect.getMetadata(IS_PUBLIC, handler) ? [] : [ApiBearerAuth()]),
    )(target, key, descriptor);
  };
}

const DESCRIPTIONS: Record<number, string> = {
  204: 'Done; there is nothing to say.',
  302: 'It goes on elsewhere: see Location.',
};

function success(status: number, { returns, produces, headers }: EndpointOptions) {
  const description = DESCRIPTIONS[status] ?? 'Success.';
  if (produces) {
    const content = { [produces]: { schema: { type: 'string' as const, format: 'binary' } } };
    return [ApiResponse({ status, description, content })];
  }
  if (!returns) return [ApiResponse({ status, description, ...(headers && { headers }) })];
  return [
    SerializeOptions({ schema: returns }),
    ApiResponse({ status, description, standardSchema: returns, ...(headers && { headers }) }),
  ];
}

/** Whether it is a `page(…)`. */
const isPaged = (returns: z.ZodType | undefined): boolean =>
  returns instanceof z.ZodObject && 'meta' in returns.shape;

/** What every route of this kind may answer, whatever it does. */
function impliedErrors(handler: object, args: RouteParamtypes[]): AppErrorClass[] {
  const errors: AppErrorClass[] = [ValidationFailedError, InternalError, UnavailableError];
  if (!Reflect.getMetadata(IS_PUBLIC, handler)) errors.push(UnauthenticatedError);
  if (Reflect.getMetadata(ROLES, handler)) errors.push(ForbiddenError);
  if (args.includes(RouteParamtypes.BODY)) {
    errors.push(MalformedJsonError, PayloadTooLargeError, UnsupportedMediaTypeError);
  }
  if (args.includes(RouteParamtypes.PARAM)) errors.push(NotFoundError);
  return errors;
}

function problems(errors: AppErrorClass[]) {
  const byStatus = Map.groupBy(
    [...new Set(errors)].map((error) => error.problem),
    (problem) => problem.status,
  );
  return [...byStatus].map(([status, entries]) => ApiResponse({ status, ...problemResponse(entries) }));
}
