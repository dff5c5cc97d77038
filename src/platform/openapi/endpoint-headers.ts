import type { AppErrorClass } from '../errors/app-error.ts';
import {
  IdempotencyInProgressError,
  IdempotencyKeyReusedError,
  InvalidIdempotencyKeyError,
  PreconditionFailedError,
} from '../errors/platform.errors.ts';
import type { Permission } from '../security/permissions.ts';
import { isExemptFromRateLimits } from '../security/rate-limit.decorator.ts';
import type { Deprecation } from './deprecation.ts';

export interface Operation {
  operationId: string;
  description?: string;
  tags?: string[];
  parameters?: { in: string; [property: string]: unknown }[];
  requestBody?: { content: Record<string, object> };
  responses: Record<string, { headers?: object; description?: string; content?: Record<string, object> }>;
  security?: object[];
  'x-required-permission'?: string;
}

const text = { type: 'string' } as const;

/** Headers of many responses. */
export const HEADERS = {
  CorrelationId: { description: 'Identifies the request in the logs.', required: true, schema: text },
  RateLimitPolicy: {
    description: 'The number of requests (`q`) in a window of seconds (`w`), by name of the limit.',
    required: true,
    schema: text,
    example: '"default";q=300;w=60',
  },
  RateLimit: {
    description: 'The remaining requests (`r`), and the seconds until there are more (`t`).',
    required: true,
    schema: text,
    example: '"default";r=299;t=60',
  },
  RetryAfter: { description: 'Repeat the request after this many seconds.', required: true, schema: text },
};

/** Adds the headers that follow from the route and the status. Call it when the operation has all responses. */
export function describeHeaders({ responses }: Operation, path: string): void {
  const refTo = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` });
  const counted = isExemptFromRateLimits(path)
    ? {}
    : { 'RateLimit-Policy': refTo('RateLimitPolicy'), RateLimit: refTo('RateLimit') };
  for (const [status, response] of Object.entries(responses)) {
    const isRetryable = ['429', '503'].includes(status) && response.content?.['application/problem+json'];
    response.headers = {
      ...response.headers,
      'X-Correlation-Id': refTo('CorrelationId'),
      ...counted,
      ...(isRetryable && { 'Retry-After': refTo('RetryAfter') }),
    };
  }
}

export function describePermission(operation: Operation, { name }: Permission): void {
  const sentence = `Needs the permission \`${name}\`.`;
  operation.description = operation.description ? `${operation.description} ${sentence}` : sentence;
  operation['x-required-permission'] = name;
}

export function describeLocation(operation: Operation, description: string): void {
  addHeader(operation, 'Location', description);
}

/** Conditional requests (RFC 9110, section 13). Returns the errors that the header may cause. */
export function describeVersions(operation: Operation, method: string): AppErrorClass[] {
  const isRead = method === 'get';
  operation.parameters ??= [];
  operation.parameters.push({
    name: isRead ? 'If-None-Match' : 'If-Match',
    in: 'header',
    required: false,
    description: isRead
      ? 'The `ETag` of the version that you have. If it is still current, the response is 304 without a body.'
      : 'The `ETag` of the version that you have read. If the resource has changed since, the response is 412.',
    schema: { type: 'string', maxLength: 1_000 },
    example: '"1"',
  });
  if (isRead) operation.responses['304'] = { description: 'You have the current version.' };
  if (method !== 'delete') addHeader(operation, 'ETag', 'The version of the resource.');
  return isRead ? [] : [PreconditionFailedError];
}

/** Returns the errors that the header may cause. */
export function describeIdempotency(operation: Operation): AppErrorClass[] {
  operation.parameters ??= [];
  operation.parameters.push({
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Makes the request safe to repeat for 24 hours: the same key and body get the stored response. Use a new UUID for ' +
      'each new request.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  });
  addHeader(
    operation,
    'Idempotency-Replayed',
    '`true` if this is the stored response of an earlier request.',
    false,
  );
  return [InvalidIdempotencyKeyError, IdempotencyInProgressError, IdempotencyKeyReusedError];
}

/** Adds a header to the success response. */
function addHeader(operation: Operation, name: string, description: string, required = true): void {
  const success = Object.entries(operation.responses).find(([status]) => /^[23]/.test(status))?.[1];
  if (success) success.headers = { ...success.headers, [name]: { description, required, schema: text } };
}

export function describeDeprecation(
  operation: Operation,
  { since, sunset, successor, link }: Deprecation,
): void {
  const notice = [
    `Deprecated since ${since}.`,
    ...(sunset ? [`May be gone from ${sunset}.`] : []),
    ...(successor ? [`Use \`${successor}\`.`] : []),
    ...(link ? [`See ${link}.`] : []),
  ].join(' ');
  operation.description = [notice, operation.description].filter(Boolean).join('\n\n');
  addHeader(
    operation,
    'Deprecation',
    'Since when the route is deprecated, in seconds since 1970 (RFC 9745).',
  );
  if (sunset) addHeader(operation, 'Sunset', 'From when the route may be gone (RFC 8594).');
  if (successor || link) addHeader(operation, 'Link', 'The route that replaces it, and how to change to it.');
}
