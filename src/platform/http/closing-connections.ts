import type { FastifyInstance } from 'fastify';
import type { Socket } from 'node:net';
import { openResponses, rejectOnSocket } from './broken-http.ts';

/** For a request that is on its way. */
const GRACE_MS = 1_000;

/**
 * At shutdown, disconnects clients without a complete request: they have sent nothing or a part of it, or stay connected
 * after their response. Node's server would wait for them, and has no time limit for headers any more once it closes.
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
