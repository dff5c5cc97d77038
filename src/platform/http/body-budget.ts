import type { FastifyInstance } from 'fastify';
import { Transform } from 'node:stream';
import type { Config } from '../config/config.ts';
import { UnavailableError } from '../errors/platform.errors.ts';
import { networkOf } from '../security/rate-limiter.service.ts';
import type { BodyConfig } from './consumes.decorator.ts';

const MEBIBYTE = 1024 * 1024;
export const BODIES_MAX_BYTES = 128 * MEBIBYTE;
export const BODIES_PER_NETWORK_MAX_BYTES = 4 * MEBIBYTE;
/** JSON bodies are counted when they may be larger than this. */
const UNCOUNTED_MAX_BYTES = 100 * 1024;
/** The memory that even a chunk of one byte takes. */
const CHUNK_MIN_BYTES = 256;
const RETRY_AFTER_SECONDS = 5;

/**
 * Limits the memory for large bodies that are buffered before the guards run, because anonymous callers may send many of
 * them at the same time. Received bytes count until the response is sent or the client disconnects. Above the limit the
 * response is 503 with Retry-After, and webhook senders retry.
 */
export function limitBodyMemory(fastify: FastifyInstance, jsonMaxBytes: number): void {
  const held = new Map<string, number>();
  let total = 0;
  const reserve = (source: string, bytes: number) => {
    const sum = (held.get(source) ?? 0) + bytes;
    if (sum > 0) held.set(source, sum);
    else held.delete(source);
    total += bytes;
  };

  fastify.addHook('preParsing', (request, reply, payload, done) => {
    const { rawMaxBytes, consumes } = (request.routeOptions.config ?? {}) as BodyConfig;
    const isLargeJson = consumes === undefined && jsonMaxBytes > UNCOUNTED_MAX_BYTES;
    if (rawMaxBytes === undefined && !isLargeJson) return done();
    const source = networkOf(request.ip);
    let own = 0;
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        const bytes = Math.max(chunk.length, CHUNK_MIN_BYTES);
        const ofSource = (held.get(source) ?? 0) + bytes;
        if (total + bytes > BODIES_MAX_BYTES || ofSource > BODIES_PER_NETWORK_MAX_BYTES)
          return next(tooBusy());
        reserve(source, bytes);
        own += bytes;
        next(null, chunk);
      },
    });
    // The parser removes its listeners early, and an error without a listener would end the process.
    counted.on('error', () => undefined);
    payload.once('error', (error) => counted.destroy(error));
    // Emitted once: after the response, or when the client disconnects before it.
    reply.raw.once('close', () => {
      counted.destroy();
      reserve(source, -own);
      // Discard the rest of a rejected body, because the next request follows it on the connection.
      payload.unpipe(counted).resume();
    });
    done(null, payload.pipe(counted));
  });
}

export const jsonBodyMaxBytes = ({ JSON_BODY_MAX_KIB }: Config): number => JSON_BODY_MAX_KIB * 1024;

/** Closes the connection, because the rest of the body is not read. */
const tooBusy = () =>
  new UnavailableError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS), connection: 'close' } });
