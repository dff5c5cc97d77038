import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { TakesConfig } from './takes.decorator.ts';

const MEBIBYTE = 1024 * 1024;
export const BODIES_MAX_BYTES = 64 * MEBIBYTE;
export const BODIES_OF_ONE_ADDRESS_MAX_BYTES = 16 * MEBIBYTE;

/**
 * Bounds the memory of large bodies that are read whole before any guard is asked: strangers may send them, many at
 * once, and each may take its time. Whoever is refused is asked to come back, as senders of webhooks do.
 */
export function limitBodyMemory(fastify: FastifyInstance): void {
  const held = new Map<string, number>();
  let total = 0;
  const hold = (address: string, bytes: number) => {
    const sum = (held.get(address) ?? 0) + bytes;
    if (sum > 0) held.set(address, sum);
    else held.delete(address);
    total += bytes;
  };

  fastify.addHook('onRequest', (request, reply, done) => {
    const bytes = bytesToCome(request);
    if (bytes === 0) return done();
    const ofAddress = (held.get(request.ip) ?? 0) + bytes;
    if (total + bytes > BODIES_MAX_BYTES || ofAddress > BODIES_OF_ONE_ADDRESS_MAX_BYTES) {
      // The body won't be read.
      void reply.header('connection', 'close');
      return done(Object.assign(new Error('Too many large bodies at once'), { statusCode: 503 }));
    }
    hold(request.ip, bytes);
    // Comes once, after the answer and as well when the client goes away before there is one.
    reply.raw.once('close', () => hold(request.ip, -bytes));
    done();
  });
}

/** What a body that is kept as it came may take; one that declares too much is refused unread. */
function bytesToCome({ headers, routeOptions }: FastifyRequest): number {
  const { rawMaxBytes } = (routeOptions.config ?? {}) as TakesConfig;
  if (rawMaxBytes === undefined) return 0;
  const declared = headers['content-length'] === undefined ? rawMaxBytes : Number(headers['content-length']);
  return declared <= rawMaxBytes ? declared : 0;
}
