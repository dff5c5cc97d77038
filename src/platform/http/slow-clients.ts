import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.ts';
import { rejectOnSocket } from './broken-http.ts';

/** Time limit for a body that is buffered before its handler runs. */
export const BODY_DEADLINE_MS = 20_000;

/** Shorter than the shutdown deadline, so that a slow body doesn't make a shutdown fail. */
export const bodyDeadlineMs = ({ SHUTDOWN_DEADLINE_SECONDS }: Config): number =>
  Math.min(BODY_DEADLINE_MS, SHUTDOWN_DEADLINE_SECONDS * 800);

/**
 * Disconnects clients that send a body too slowly. The limit ends when the handler starts, so an upload that a handler
 * streams has the longer `requestTimeout` of the server.
 */
export function limitBodyTime(fastify: FastifyInstance, deadlineMs = BODY_DEADLINE_MS): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  const stop = (request: FastifyRequest) => clearTimeout(timers.get(request));
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request)) {
      const { socket } = request.raw;
      const reject = () => rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
      timers.set(request, setTimeout(reject, deadlineMs).unref());
    }
    done();
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    stop(request);
    done();
  });
  // Rejected before its handler started, or disconnected.
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

/**
 * Disconnects a client that reads nothing of a waiting response for this time, because the unread part stays in memory.
 * A client that reads slowly stays connected, and a handler may take longer.
 */
export function disconnectStalledReaders(fastify: FastifyInstance, stallMs: number): void {
  fastify.addHook('onRequest', (_request, { raw: response }, done) => {
    // Node restarts this timer whenever data is read or written.
    response.setTimeout(stallMs, () => {
      const { socket } = response;
      if (response.writableLength + (socket?.writableLength ?? 0) > 0) response.destroy();
    });
    done();
  });
}
