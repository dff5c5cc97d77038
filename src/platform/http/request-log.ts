import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { contextFields } from '../logging/logger.ts';
import { contextOf } from './request-hooks.ts';

/** One line a request, when its answer has gone out. Health answers are asked for all the time and are no news. */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    if (!route.startsWith('/health')) {
      const fields = {
        ...contextFields(contextOf(request)),
        method: request.method,
        // The template, not the address: an address may hold a secret, and has no bounds.
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ip: request.ip,
      };
      logger[reply.statusCode >= 500 ? 'warn' : 'info'](fields, 'request');
    }
    done();
  });
}
