import type { FastifyInstance } from 'fastify';
import { Transform } from 'node:stream';
import { UnavailableError } from '../errors/platform.errors.ts';
import { network } from '../security/rate-limiter.service.ts';
import type { BodyConfig } from './consumes.decorator.ts';

const MEBIBYTE = 1024 * 1024;
export const BODIES_MAX_BYTES = 64 * MEBIBYTE;
export const BODIES_OF_ONE_NETWORK_MAX_BYTES = 16 * MEBIBYTE;
/** What even a chunk of one byte takes in memory. */
const CHUNK_MIN_BYTES = 256;
const RETRY_AFTER_SECONDS = 5;

/**
 * Bounds the memory of large bodies that are read whole before any guard is asked: strangers may send them, many at
 * once, and each may take its time. What has arrived counts, until the request is answered or gone: who announces a
 * body and sends nothing takes nothing from others. Whoever is refused is asked to come back, as senders of webhooks do.
 */
export function limitBodyMemory(fastify: FastifyInstance): void {
  const held = new Map<string, number>();
  let total = 0;
  const hold = (source: string, bytes: number) => {
    const sum = (held.get(source) ?? 0) + bytes;
    if (sum > 0) held.set(source, sum);
    else held.delete(source);
    total += bytes;
  };

  fastify.addHook('preParsing', (request, reply, payload, done) => {
    const { rawMaxBytes } = (request.routeOptions.config ?? {}) as BodyConfig;
    if (rawMaxBytes === undefined) return done();
    const source = network(request.ip);
    let own = 0;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        const bytes = Math.max(chunk.length, CHUNK_MIN_BYTES);
        const ofSource = (held.get(source) ?? 0) + bytes;
        if (total + bytes > BODIES_MAX_BYTES || ofSource > BODIES_OF_ONE_NETWORK_MAX_BYTES)
          return next(busy());
        hold(source, bytes);
        own += bytes;
        next(null, chunk);
      },
    });
    // The parser, which reads it, listens no longer than it has to; an error that nobody hears ends the process.
    counted.on('error', () => undefined);
    payload.once('error', (error) => counted.destroy(error));
    // Comes once, after the answer and as well when the client goes away before there is one.
    reply.raw.once('close', () => {
      counted.destroy();
      hold(source, -own);
      // What is left of a body that was refused for its type: the next request is behind it.
      payload.unpipe(counted).resume();
    });
    done(null, payload.pipe(counted));
  });
}

/** The rest of the body won't be read. */
const busy = () =>
  new UnavailableError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS), connection: 'close' } });
