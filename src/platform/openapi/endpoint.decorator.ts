import { applyDecorators, HttpCode, SetMetadata, UseInterceptors } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import type { AppErrorClass } from '../errors/app-error.ts';
import { IdempotencyInterceptor } from '../idempotency/idempotency.interceptor.ts';
import type { ResponseConfig } from '../security/response-serializer.ts';
import { type Deprecation, deprecationConfig } from './deprecation.ts';
import { rejectUnknownQuery } from './unknown-query.guard.ts';

export interface EndpointOptions {
  /** Verb and noun: "List jobs". */
  summary: string;
  description?: string;
  /** Status of the success response. Default: 200, or 204 without a body. */
  status?: number;
  /** Response schema: `item(…)`, `list(…)` or `page(…)`. Other properties are removed. Default: no body. */
  returns?: z.ZodType;
  /** Names of the examples of `returns` that this route can return. Default: all. */
  examples?: string[];
  /** Media type of a response that is not JSON, for example `text/csv`. */
  produces?: string;
  /** The example of a response that is not JSON. */
  produced?: string;
  /** Errors of this route, in addition to those that follow from its kind (see document.ts). */
  errors?: AppErrorClass[];
  /** Errors that follow from the kind of this route, but that it can't have. */
  impossibleErrors?: AppErrorClass[];
  /** Errors that the client gets as `error=` in the query of a redirect. */
  redirectErrors?: AppErrorClass[];
  /** Responses that are neither the success nor a problem document, by status. */
  otherResponses?: Record<number, { description: string; returns: z.ZodType; examples?: string[] }>;
  /** Description of the `Location` header of the success response. */
  location?: string;
  /**
   * Accepts an Idempotency-Key. The handler must make its changes in `@IdempotentTransaction()`. Needs a signed-in user.
   */
  idempotent?: boolean;
  /**
   * GET: honours If-None-Match. PATCH, PUT, DELETE: honours If-Match. The handler calls `setEtag()`, and takes
   * `@ExpectedVersion()` if it makes a change.
   */
  versioned?: boolean;
  /** Clients should use another route. Sends the headers of a deprecation and marks the route in the document. */
  deprecated?: Deprecation;
}

export const ENDPOINT = 'openapi:endpoint';

/**
 * Describes a route in one place: its response schema and its OpenAPI operation. The operationId is the name of the
 * handler method. Errors, security and rate limits are added when the document is built, so decorators may be in any order.
 */
export function Endpoint(options: EndpointOptions): MethodDecorator {
  const { summary, description, deprecated } = options;
  return applyDecorators(
    SetMetadata(ENDPOINT, options),
    rejectUnknownQuery,
    ...(options.idempotent ? [UseInterceptors(IdempotencyInterceptor)] : []),
    HttpCode(successStatus(options)),
    ApiOperation({ summary, ...(description && { description }), ...(deprecated && { deprecated: true }) }),
    ...(deprecated ? [addRouteConfig(deprecationConfig(deprecated))] : []),
    ...describeSuccess(options),
    ...Object.entries(options.otherResponses ?? {}).map(([other, { description: text, returns }]) =>
      ApiResponse({ status: Number(other), description: text, standardSchema: returns }),
    ),
  );
}

export const UNVALIDATED_BODY = 'openapi:unvalidated-body';

/** Allows `@Body()` without a schema. `reason` says which code validates the body instead. */
export const UnvalidatedBody = (reason: string): MethodDecorator => SetMetadata(UNVALIDATED_BODY, reason);

/** Adds to the Fastify configuration of a route. `RouteConfig` alone would replace the settings of other decorators. */
export const addRouteConfig =
  (config: object): MethodDecorator =>
  (target, key, descriptor) => {
    const earlier = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, descriptor.value as object) as object;
    RouteConfig({ ...earlier, ...config })(target, key, descriptor as never);
  };

const successStatus = ({ status, returns, produces }: EndpointOptions): number =>
  status ?? (returns || produces ? 200 : 204);

const DESCRIPTIONS: Record<number, string> = {
  204: 'Success, without a body.',
  302: 'Redirect to the URL in `Location`.',
};

function describeSuccess(options: EndpointOptions) {
  const { returns, produces, produced } = options;
  const status = successStatus(options);
  const description = DESCRIPTIONS[status] ?? 'Success.';
  if (produces) {
    const schema = { type: 'string' as const, format: 'binary' };
    const content = { [produces]: { schema, ...(produced && { example: produced }) } };
    return [ApiResponse({ status, description, content })];
  }
  if (!returns) return [ApiResponse({ status, description })];
  return [
    addRouteConfig({ returns } satisfies ResponseConfig),
    ApiResponse({ status, description, standardSchema: returns }),
  ];
}

/** Whether a response schema was made by `page(…)`. */
export const isPaged = (returns: z.ZodType | undefined): boolean =>
  returns instanceof z.ZodObject && 'meta' in returns.shape;
