import underPressure from '@fastify/under-pressure';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Counter } from 'prom-client';
import type { Config } from '../config/config.ts';
import { UnavailableError } from '../errors/platform.errors.ts';
import type { Metrics } from '../metrics/metrics.service.ts';

/** Rejected clients return at different times. */
const RETRY_AFTER_SECONDS = { min: 1, spread: 5 } as const;

/** Measures the event loop once a second, for `shedLoad`. */
export async function measureEventLoop(
  fastify: FastifyInstance,
  { EVENT_LOOP_DELAY_MAX_MS }: Config,
): Promise<void> {
  await fastify.register(underPressure, {
    maxEventLoopDelay: EVENT_LOOP_DELAY_MAX_MS,
    // Its own hook would run before CORS, and browsers would hide the response from their page.
    pressureHandler: () => undefined,
  });
}

/**
 * Rejects requests while the event loop is late or too many requests wait for their response: a client gets 503 with
 * Retry-After at once instead of a response that comes too late. Not health checks, which would remove a busy instance.
 */
export function shedLoad(fastify: FastifyInstance, { PENDING_REQUESTS_MAX }: Config, metrics: Metrics): void {
  const pending = new Set<FastifyRequest>();
  metrics.gauge({ name: 'http_requests_pending', help: 'Requests that have no response yet.' }, () => [
    { value: pending.size },
  ]);
  const shed = new Counter({
    name: 'http_requests_shed_total',
    help: 'Requests that were rejected because of too much load.',
    labelNames: ['reason'],
    registers: [metrics.registry],
  });
  const reasonToShed = (): string | undefined => {
    if (PENDING_REQUESTS_MAX > 0 && pending.size >= PENDING_REQUESTS_MAX) return 'pending_requests';
    return fastify.isUnderPressure() ? 'event_loop_delay' : undefined;
  };
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url?.startsWith('/health/')) return done();
    const reason = reasonToShed();
    if (reason) {
      shed.inc({ reason });
      return done(overloaded());
    }
    pending.add(request);
    // Without a response: the client has disconnected, or a socket has taken over the connection.
    reply.raw.once('close', () => pending.delete(request));
    done();
  });
  // A stream counts until it starts.
  fastify.addHook('onSend', (request, _reply, payload, done) => {
    pending.delete(request);
    done(null, payload);
  });
}

function overloaded(): UnavailableError {
  const { min, spread } = RETRY_AFTER_SECONDS;
  return new UnavailableError({
    headers: { 'retry-after': String(min + Math.floor(Math.random() * spread)) },
  });
}
