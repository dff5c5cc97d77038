import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config/config.ts';
import { UnsupportedMediaTypeError } from '../errors/platform.errors.ts';
import { localeOf, setContentLanguage } from '../http/content-language.ts';
import type { ErrorFormatConfig } from '../http/problem.filter.ts';
import { addRouteConfig, Endpoint, UnvalidatedBody } from '../openapi/endpoint.decorator.ts';
import { CurrentUser } from '../security/access.decorators.ts';
import type { Principal } from '../security/principal.ts';
import { graphqlErrorFormat } from './error-format.ts';
import { Loaders } from './graphql-context.ts';
import { GraphqlExecutor } from './graphql-executor.service.ts';
import { GRAPHQL_ERRORS } from './graphql.errors.ts';

export const GRAPHQL_PATH = '/graphql';

/** Browsers send other types to other origins without a preflight request (CSRF). */
const JSON_TYPE = /^application\/json\s*(;|$)/i;
const RESPONSE_TYPE = 'application/graphql-response+json';

/**
 * A normal route, so that the guard, the rate limits, the body limits and the logs are the same as in REST. Its schema
 * is schema.graphql, so it is not in the OpenAPI document.
 */
@ApiExcludeController()
@Controller()
export class GraphqlController {
  constructor(
    private readonly executor: GraphqlExecutor,
    private readonly config: Config,
  ) {}

  @Post(GRAPHQL_PATH)
  @Endpoint({ summary: 'Run a GraphQL operation', status: 200, errors: GRAPHQL_ERRORS })
  @addRouteConfig({ errorFormat: graphqlErrorFormat } satisfies ErrorFormatConfig)
  @UnvalidatedBody('The executor checks the request and its document.')
  async runGraphql(
    @Body() body: unknown,
    @CurrentUser() caller: Principal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) response: FastifyReply,
  ) {
    if (!JSON_TYPE.test(request.headers['content-type'] ?? '')) throw new UnsupportedMediaTypeError();
    const locale = localeOf(request, this.config.DEFAULT_LOCALE);
    const result = await this.executor.execute(body, {
      caller,
      ip: request.ip,
      correlationId: request.id,
      locale,
      loaders: new Loaders({ cache: true }),
      response,
      freeRootFields: 1,
    });
    if (result.errors?.length) setContentLanguage(response, locale);
    const type = request.headers.accept?.includes(RESPONSE_TYPE) ? RESPONSE_TYPE : 'application/json';
    void response.type(`${type}; charset=utf-8`);
    return result;
  }
}
