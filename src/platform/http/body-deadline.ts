import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answerBrokenHttp } from './broken-http.ts';

/** A body that is read whole before its route is asked must have arrived by then. */
export const BODY_DEADLINE_MS = 30_000;

/**
 * Cuts off who sends a body drop by drop. It ends where the route takes over, so an upload that the route streams has
 * the server's own, longer limit.
 */
export function limitBodyTime(fastify: FastifyInstance, deadlineMs = BODY_DEADLINE_MS): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  const stop = (request: FastifyRequest) => clearTimeout(timers.get(request));
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request)) {
      const { socket } = request.raw;
      const refuse = () => answerBrokenHttp({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
      timers.set(request, setTimeout(refuse, deadlineMs).unref());
    }
    done();
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    stop(request);
    done();
  });
  // Refused before its route was asked, or gone.
  fastify.addHook('onResponse', (request, _reply, done) => {
    stop(request);
    done();
  });
  fastify.addHook('onRequestAbort', (request, done) => {
    stop(request);
    done();
  });
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
