import cookie from '@fastify/cookie';
import { VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ModuleDefinition } from '@nestjs/core/interfaces/module-definition.interface.js';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.ts';
import { ErrorForms } from '../errors/error-forms.ts';
import { HealthService } from '../health/health.service.ts';
import { createLogger } from '../logging/logger.ts';
import { AppLogger } from '../logging/logging.module.ts';
import { NestLogger } from '../logging/nest-logger.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { serveDocs } from '../openapi/docs.ts';
import { createHttpAdapter } from './http-adapter.ts';
import { measureEventLoop, shedLoad } from './overload.ts';
import { logRequests, measureRequests } from './request-hooks.ts';
import { RouteMethods } from './route-methods.ts';

/** The HTTP application, the same in production and in tests. */
export async function createApp(root: ModuleDefinition, config: Config): Promise<NestFastifyApplication> {
  const adapter = createHttpAdapter(config);
  const app = await NestFactory.create<NestFastifyApplication>(root as never, adapter, {
    // Before AppLogger exists, for example when the database can't be reached.
    logger: new NestLogger(createLogger(config.LOG_LEVEL)),
    abortOnError: false,
    // See body-parsers.ts.
    bodyParser: false,
  });
  adapter.errorForms = app.get(ErrorForms);
  await app.register(cookie);
  await measureEventLoop(adapter.getInstance(), config);
  configureApp(app, config);
  return app;
}

/** The configuration that is not part of a module. */
export function configureApp(app: NestFastifyApplication, config: Config): void {
  const logger = app.get(AppLogger);
  app.useLogger(new NestLogger(logger));
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  app.get(RouteMethods).collect(fastify);
  logRequests(fastify, logger);
  measureRequests(fastify, app.get(Metrics));
  const health = app.get(HealthService);
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    // While the process drains, clients should open their next connection to another instance.
    if (health.isDraining) void reply.header('connection', 'close');
    done(null, payload);
  });
  app.enableVersioning({ type: VersioningType.URI });
  setSecurityHeaders(app, config);
  // After CORS, so that pages can read the response.
  shedLoad(fastify, config, app.get(Metrics));
  if (config.API_DOCS) serveDocs(app, config);
}

function setSecurityHeaders(app: NestFastifyApplication, config: Config): void {
  app.useSecurityHeaders({
    // The API serves no pages, so its responses may load nothing and may not be framed.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: "'none'", frameAncestors: "'none'", baseUri: "'none'", objectSrc: "'none'" },
    },
    xFrameOptions: { action: 'deny' },
    crossOriginResourcePolicy: { policy: 'same-site' },
  });
  app.enableCors({
    origin: config.CORS_ORIGINS,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'if-match',
      'if-none-match',
      'last-event-id',
      'x-correlation-id',
      ...config.CORS_ALLOWED_HEADERS,
    ],
    exposedHeaders: [
      'deprecation',
      'etag',
      'idempotency-replayed',
      'link',
      'location',
      'ratelimit',
      'ratelimit-policy',
      'retry-after',
      'sunset',
      'x-correlation-id',
      ...config.CORS_EXPOSED_HEADERS,
    ],
    maxAge: 600,
    strictPreflight: false,
  });
}
