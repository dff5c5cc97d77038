import type { FastifyInstance } from 'fastify';
import type { Socket } from 'node:net';
import { openResponses, rejectOnSocket } from './broken-http.ts';

/** A request that is being sent may still arrive in this time. */
const GRACE_MS = 1_000;

/**
 * At shutdown, disconnects clients without a complete request: they have sent nothing or a part of it, or stay connected
 * after their response. Also WebSockets, which have got their close frame before. Node's server would wait for all of
 * them: once it closes, it no longer limits the time for headers.
 */
export function closeConnectionsAtShutdown(fastify: FastifyInstance): void {
  const { server } = fastify;
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });

  fastify.addHook('preClose', (done) => {
    let unused: Socket[] = [];
    const timer = setInterval(() => {
      unused.filter(hasNoRequest).forEach(disconnect);
      unused = [...connections].filter(hasNoRequest);
      if (!server.listening && connections.size === 0) clearInterval(timer);
    }, GRACE_MS).unref();
    done();
  });
}

const hasNoRequest = (socket: Socket): boolean => !openResponses(socket).some(({ req }) => req.complete);

function disconnect(socket: Socket): void {
  const isIncomplete = openResponses(socket).length > 0;
  if (isIncomplete) rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
  else socket.destroy();
}
