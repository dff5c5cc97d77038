import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { type Locale, negotiateLocale } from '../i18n/locales.ts';
import { contextFields } from '../logging/logger.ts';
import {
  currentContext,
  type RequestContext,
  runInContext,
  traceparentFrom,
} from '../logging/request-context.ts';
import { DURATION_BUCKETS, type Metrics } from '../metrics/metrics.service.ts';
import { startRequestSpan } from './request-spans.ts';

const USER_AGENT_MAX = 400;

const contexts = new WeakMap<FastifyRequest, RequestContext>();

/** The context of a request, for hooks that run outside it. */
export const contextOf = (request: FastifyRequest): RequestContext | undefined => contexts.get(request);

/** Sets the correlation id and caching headers of every response, and handles If-None-Match. */
export function addRequestHooks(fastify: FastifyInstance, defaultLocale: Locale): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const traceparent = traceparentFrom(request.headers.traceparent);
    const span = startRequestSpan(request, reply, traceparent);
    const userAgent = request.headers['user-agent']?.slice(0, USER_AGENT_MAX);
    const context: RequestContext = {
      correlationId: request.id,
      ipAddress: request.ip,
      locale: negotiateLocale(request.headers['accept-language'], defaultLocale),
      ...(userAgent && { userAgent }),
      ...(traceparent && { traceparent }),
      ...(span && { span }),
    };
    contexts.set(request, context);
    void reply.header('x-correlation-id', request.id);
    // The default for private data. Public routes replace it.
    void reply.header('cache-control', 'no-store');
    runInContext(context, done);
  });
  // Events of the socket, which deliver the body, run outside the context: enter it again.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const context = contexts.get(request);
    if (context && currentContext() !== context) runInContext(context, done);
    else done();
  });
  fastify.addHook('preSerialization', (request, reply, payload, done) => {
    linkNextPage(request, reply, payload);
    done(null, payload);
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (!isUnchanged(request, reply)) return done(null, payload);
    void reply.code(304).removeHeader('content-length').removeHeader('content-type');
    done(null, null);
  });
}

/** The next page as a Link header (RFC 8288), in addition to `meta.nextCursor`. */
function linkNextPage(request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
  const cursor = (payload as { meta?: { nextCursor?: string | null } } | null)?.meta?.nextCursor;
  if (!cursor) return;
  const url = new URL(request.url, 'http://localhost');
  url.searchParams.delete('page');
  url.searchParams.set('cursor', cursor);
  const next = `<${url.pathname}${url.search}>; rel="next"`;
  const other = reply.getHeader('link');
  void reply.header('link', other ? `${String(other)}, ${next}` : next);
}

/** RFC 9110, section 13.1.2. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply): boolean {
  const etag = reply.getHeader('etag');
  const header = request.headers['if-none-match'];
  if (!etag || !header || reply.statusCode !== 200 || !['GET', 'HEAD'].includes(request.method)) return false;
  return header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

/** One line per request, after its response. Health checks are not logged. */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    if (!route.startsWith('/health')) {
      const context = contextOf(request);
      const fields = {
        ...contextFields(context),
        method: request.method,
        // The pattern, not the path: a path may contain secrets and may be long.
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ip: context?.ipAddress ?? request.ip,
      };
      logger[reply.statusCode >= 500 ? 'warn' : 'info'](fields, 'request');
    }
    done();
  });
}

/** Counts requests and their durations by route. Not health checks, and not streams, which last as long as the client. */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics): void {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Time until the response was sent. The route is its pattern, `unmatched` if there is none.',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS,
    registers: [metrics.registry],
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    const isStream = String(reply.getHeader('content-type')).startsWith('text/event-stream');
    if (!route.startsWith('/health') && !isStream) {
      durations.observe(
        { method: request.method, route, status: reply.statusCode },
        reply.elapsedTime / 1_000,
      );
    }
    done();
  });
}
