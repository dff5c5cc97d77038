import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiConsumes } from '@nestjs/swagger';

/** Media types besides JSON that a body may have, each on the routes that are marked for it. */
export const CSV = 'text/csv';
export const FORM = 'application/x-www-form-urlencoded';

export interface TakesConfig {
  takes?: string;
}

/** Opens a route to a body of this type; all others refuse it with 415. */
export const Takes = (mediaType: typeof CSV | typeof FORM): MethodDecorator =>
  applyDecorators(RouteConfig({ takes: mediaType } satisfies TakesConfig), ApiConsumes(mediaType));
