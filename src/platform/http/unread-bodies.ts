import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const DISCARD_MS = 5_000;

/**
 * Lets a client read a response that ends the connection while its body is still being sent. If the server closed the
 * connection at once, the next bytes of the body would cause a TCP reset, and the client could lose the response
 * (RFC 9112, section 9.6). So the server closes its own direction first, and discards what it receives until the client
 * closes the other one, or until the time limit.
 */
export function discardUnreadBodies(fastify: FastifyInstance, discardMs = DISCARD_MS): void {
  fastify.addHook('onSend', ({ raw: request }, { raw: response }, payload, done) => {
    const { socket } = response;
    if (socket && !request.complete) delayClosing(socket, request, discardMs);
    done(null, payload);
  });
}

/** Node calls `destroySoon` after a response with `Connection: close`. It closes both directions. */
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
