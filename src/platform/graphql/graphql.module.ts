import { Module } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyInstance } from 'fastify';
import { mercurius } from 'mercurius';
import { Config } from '../config/config.ts';
import { GraphiqlPage } from './graphiql.service.ts';
import { formatExecution, GraphqlExecutor, extraRules } from './graphql-executor.service.ts';
import { GraphqlSockets } from './graphql-sockets.service.ts';
import { GraphqlController } from './graphql.controller.ts';
import { TrustedDocuments } from './trusted-documents.ts';

/** Parsed and validated documents that Mercurius keeps, and as many rejected ones. */
const CACHED_DOCUMENTS_MAX = 256;

function mercuriusOptions(config: Config): Omit<MercuriusDriverConfig, 'driver'> {
  return {
    autoSchemaFile: true,
    sortSchema: true,
    // Its routes and its WebSocket would bypass the guard and the limits of REST: see docs/decisions/0038-graphql-on-mercurius.md.
    routes: false,
    cache: CACHED_DOCUMENTS_MAX,
    validationRules: extraRules(config),
    // The typings lack the option.
    graphql: { validateOptions: { hideSuggestions: config.NODE_ENV === 'production' } as object },
    errorFormatter: formatExecution as never,
  };
}

/**
 * Registers Mercurius without waiting for it. The driver of @nestjs/mercurius waits, which lets Fastify finish its routes
 * before Nest sets the error handler.
 */
class GraphqlDriver extends MercuriusDriver {
  override async start({ driver, ...options }: MercuriusDriverConfig): Promise<void> {
    void driver;
    const fastify = this.instance as FastifyInstance;
    void fastify.register(mercurius, options);
  }
}

/** The GraphQL API. Features declare their resolvers in their HTTP modules; resolvers without this module do nothing. */
@Module({
  imports: [
    GraphQLModule.forRootAsync<MercuriusDriverConfig>({
      driver: GraphqlDriver,
      inject: [Config],
      useFactory: mercuriusOptions,
    }),
  ],
  controllers: [GraphqlController],
  providers: [GraphiqlPage, GraphqlExecutor, GraphqlSockets, TrustedDocuments],
})
export class GraphqlModule {}
