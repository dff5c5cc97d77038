import type { FastifyInstance, FastifyRequest } from 'fastify';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { rejectOnSocket } from './broken-http.ts';

/** A body that is read whole before its route is asked must have arrived by then. */
export const BODY_DEADLINE_MS = 20_000;
const CLOSE_GRACE_MS = 1_000;

/** Below the shutdown deadline, so that a slow body can't make a shutdown fail. */
export const bodyDeadline = ({ SHUTDOWN_DEADLINE_SECONDS }: Config): number =>
  Math.min(BODY_DEADLINE_MS, SHUTDOWN_DEADLINE_SECONDS * 800);

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
      const refuse = () => rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
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

/** At shutdown, a body that has not arrived shortly after the drain is cut off: its client may never finish it. */
export function closeIncompleteBodies(fastify: FastifyInstance): void {
  const requests = new Set<FastifyRequest>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request)) {
      requests.add(request);
      request.raw.once('close', () => requests.delete(request));
    }
    done();
  });
  fastify.addHook('preClose', async () => {
    const incomplete = () => [...requests].filter(({ raw }) => !raw.complete);
    if (incomplete().length > 0) await pause(CLOSE_GRACE_MS);
    for (const { raw } of incomplete()) rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, raw.socket);
  });
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Disconnects a client that reads nothing for this long while a response waits for it, whether that is a file, an event
 * stream or a list: what it doesn't read stays in our memory. Slow progress is enough, and a handler may take its time.
 */
export function disconnectStalledReaders(fastify: FastifyInstance, stallMs: number): void {
  fastify.addHook('onRequest', (_request, { raw: response }, done) => {
    // Node restarts this timer at each read and each write that makes progress.
    response.setTimeout(stallMs, () => {
      const { socket } = response;
      if (response.writableLength + (socket?.writableLength ?? 0) > 0) response.destroy();
    });
    done();
  });
}
