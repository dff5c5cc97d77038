import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { addRouteConfig, UnvalidatedBody } from '../openapi/endpoint.decorator.ts';

/** Media types that a route may accept instead of JSON. */
export const CSV = 'text/csv';
export const FORM = 'application/x-www-form-urlencoded';

export interface BodyConfig {
  consumes?: string;
  /** Passes the JSON body unparsed, up to this size. */
  rawMaxBytes?: number;
}

/** Examples of a body without a schema, by name. */
type BodyExamples = Record<string, unknown>;

const named = (values: BodyExamples = {}) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));

/** Accepts a body of this type. Routes without this decorator reject it with 415. */
export const Consumes = (mediaType: typeof CSV | typeof FORM, examples?: BodyExamples): MethodDecorator =>
  applyDecorators(
    addRouteConfig({ consumes: mediaType } satisfies BodyConfig),
    ApiConsumes(mediaType),
    // A form is described by the schema of its fields. A stream has no schema.
    ...(mediaType === CSV
      ? [
          ApiBody({ schema: { type: 'string', format: 'binary' }, examples: named(examples) }),
          UnvalidatedBody('The handler streams the file, and checks each line.'),
        ]
      : []),
  );

/** Passes the JSON body as an unparsed Buffer, because a signature covers bytes. */
export const RawBody = (rawMaxBytes: number, examples?: BodyExamples): MethodDecorator =>
  applyDecorators(
    addRouteConfig({ rawMaxBytes } satisfies BodyConfig),
    ApiBody({ schema: { type: 'object' }, examples: named(examples) }),
    UnvalidatedBody('The handler verifies the signature of the bytes first.'),
  );
