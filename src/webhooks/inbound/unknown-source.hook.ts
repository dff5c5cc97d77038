import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { WebhookSources } from './webhook-sources.service.ts';

const PATH = '/v1/webhooks/:source';

/** Rejects unknown sources before the body is read, so that their bodies take no memory. */
@Injectable()
export class UnknownSourceHook implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly sources: WebhookSources,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (request.routeOptions.url !== PATH) return done();
      const { source } = request.params as { source: string };
      // The rest of the body is not read.
      if (this.sources.find(source)) done();
      else done(new NotFoundError({ headers: { connection: 'close' } }));
    });
  }
}
