import type { FastifyInstance } from 'fastify';

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
