import type { FastifyInstance } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { rejectOnSocket } from './broken-http.ts';

/** For a request that is on its way. */
const GRACE_MS = 1_000;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * At shutdown, disconnects clients without a complete request: they have sent nothing or a part of it, or stay connected
 * after their response. Node's server would wait for them, and has no time limit for headers any more once it closes.
 */
export function closeConnectionsAtShutdown(fastify: FastifyInstance): void {
  const { server } = fastify;
  /** With their last request. */
  const connections = new Map<Socket, Exchange | undefined>();
  server.on('connection', (socket: Socket) => {
    connections.set(socket, undefined);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    connections.set(request.socket, { request, response });
  });

  fastify.addHook('preClose', (done) => {
    let waiting = new Set<Socket>();
    const timer = setInterval(() => {
      for (const socket of waiting) {
        if (!isResponding(connections.get(socket))) disconnect(socket, connections.get(socket));
      }
      waiting = new Set([...connections.keys()].filter((socket) => !isResponding(connections.get(socket))));
      if (!server.listening && connections.size === 0) clearInterval(timer);
    }, GRACE_MS).unref();
    done();
  });
}

const isResponding = (exchange: Exchange | undefined): boolean =>
  exchange !== undefined && exchange.request.complete && !exchange.response.closed;

function disconnect(socket: Socket, exchange: Exchange | undefined): void {
  const isIncomplete = exchange && !exchange.request.complete && !exchange.response.closed;
  if (isIncomplete) rejectOnSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
  else socket.destroy();
}
