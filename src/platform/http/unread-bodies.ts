import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const DISCARD_MS = 5_000;

/**
 * For responses that end the connection before the whole request body has arrived. If the server closed the connection
 * at once, the next bytes of the body would cause a TCP reset, and the client could lose the response (RFC 9112,
 * section 9.6). So the server first ends only its sending direction. It discards further data until the client ends the
 * other direction, or until the time limit.
 */
export function discardUnreadBodies(fastify: FastifyInstance, discardMs = DISCARD_MS): void {
  fastify.addHook('onSend', ({ raw: request }, { raw: response }, payload, done) => {
    const { socket } = response;
    if (socket && !request.complete) delayClosing(socket, request, discardMs);
    done(null, payload);
  });
}

/** After a response with `Connection: close`, Node calls `destroySoon`, which closes both directions. */
function delayClosing(socket: Socket, request: IncomingMessage, discardMs: number): void {
  socket.destroySoon = () => {
    Reflect.deleteProperty(socket, 'destroySoon');
    if (request.complete) return socket.destroySoon();
    socket.end();
    socket.removeAllListeners('data');
    socket.on('data', () => undefined).resume();
    const timer = setTimeout(() => socket.destroy(), discardMs);
    socket.once('close', () => clearTimeout(timer));
  };
}
