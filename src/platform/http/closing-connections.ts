import type { FastifyInstance } from 'fastify';
import type { Server, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openResponses, rejectOnSocket } from './broken-http.ts';

/** A request that is being sent may still arrive in this time. */
const GRACE_MS = 1_000;
/** Clients that never stop connecting must not delay the shutdown for longer. */
const ACCEPT_MS = 1_000;
/** A longer turn of the event loop leaves time for new clients to connect. */
const SHORT_TURN_MS = 0.5;

/**
 * At shutdown, disconnects clients without a complete request: they have sent nothing or a part of it, or stay
 * connected after their response. Also disconnects WebSockets, which have already received their close frame. Node's
 * server would wait for all of them: once it closes, it no longer limits the time for headers.
 */
export function closeConnectionsAtShutdown(fastify: FastifyInstance): void {
  const { server } = fastify;
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });

  fastify.addHook('preClose', async () => {
    let unused: Socket[] = [];
    const timer = setInterval(() => {
      unused.filter(hasNoRequest).forEach(disconnect);
      unused = [...connections].filter(hasNoRequest);
      if (!server.listening && connections.size === 0) clearInterval(timer);
    }, GRACE_MS).unref();
    await closePort(server);
  });
}

/**
 * Closes the port when no client waits to be accepted. Closing it resets the connections of those that wait, and a proxy
 * must not repeat a POST or PATCH that it has already sent on one. Node accepts one connection in each turn of the event
 * loop, so the queue is empty after a turn without a new one. A short turn, because clients also connect during a turn.
 */
async function closePort(server: Server): Promise<void> {
  let hasAccepted = false;
  const noteConnection = () => (hasAccepted = true);
  server.on('connection', noteConnection);
  const start = performance.now();
  // Ends the current turn, which may be past the point where it accepts connections.
  await nextTurn();
  let turnStart: number;
  do {
    hasAccepted = false;
    turnStart = performance.now();
    await nextTurn();
  } while (
    (hasAccepted || performance.now() - turnStart > SHORT_TURN_MS) &&
    performance.now() - start < ACCEPT_MS
  );
  server.off('connection', noteConnection);
  // Close now, not after the other hooks. Fastify's own call then waits for this one to finish.
  server.close();
}

const hasNoRequest = (socket: Socket): boolean => !openResponses(socket).some(({ req }) => req.complete);

function disconnect(socket: Socket): void {
  const isIncomplete = openResponses(socket).length > 0;
  if (isIncomplete) rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
  else socket.destroy();
}
