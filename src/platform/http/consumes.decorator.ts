import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';

/** Media types besides JSON that a body may have, each on the routes that are marked for it. */
export const CSV = 'text/csv';
export const FORM = 'application/x-www-form-urlencoded';

export interface BodyConfig {
  consumes?: string;
  /** Hands the bytes of a JSON body to the route as they came, up to so many. */
  rawMaxBytes?: number;
}

/** Opens a route to a body of this type; all others refuse it with 415. */
export const Consumes = (mediaType: typeof CSV | typeof FORM): MethodDecorator =>
  applyDecorators(
    RouteConfig({ consumes: mediaType } satisfies BodyConfig),
    ApiConsumes(mediaType),
    // A form has the schema of its fields; a stream has none, so this says that there is one.
    ...(mediaType === CSV ? [ApiBody({ schema: { type: 'string', format: 'binary' } })] : []),
  );

/** Gives the route its JSON body as a Buffer, unparsed: a signature is over bytes. */
export const RawBody = (rawMaxBytes: number): MethodDecorator =>
  applyDecorators(RouteConfig({ rawMaxBytes } satisfies BodyConfig), ApiBody({ schema: { type: 'object' } }));
