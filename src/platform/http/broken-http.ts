import type { FastifyInstance } from 'fastify';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const PARSER_STATUS: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const responsesOf = new WeakMap<Socket, Set<ServerResponse>>();

export function trackResponses(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', ({ raw: { socket } }, { raw: response }, done) => {
    const responses = responsesOf.get(socket) ?? new Set();
    responsesOf.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
    done();
  });
}

/** The responses that a connection waits for: more than one if the client pipelines its requests. */
export const openResponses = (socket: Socket): ServerResponse[] => [...(responsesOf.get(socket) ?? [])];

/**
 * Rejects a request that Node's parser could not read, or that arrives too slowly. There is no request object, so the
 * response is written to the socket.
 */
export function rejectOnSocket(error: Pick<NodeJS.ErrnoException, 'code'>, socket: Socket): void {
  // Inside another response, the client would read this one as a part of it.
  const isResponding = openResponses(socket).some(({ headersSent }) => headersSent);
  if (error.code === 'ECONNRESET' || !socket.writable || isResponding) {
    socket.destroySoon();
    return;
  }
  const status = PARSER_STATUS[error.code ?? ''] ?? 400;
  const body = JSON.stringify({ title: STATUS_CODES[status], status, code: 'MALFORMED_REQUEST' });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
