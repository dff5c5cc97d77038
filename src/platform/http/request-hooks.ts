import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { contextFields } from '../logging/logger.ts';
import {
  currentContext,
  type RequestContext,
  runInContext,
  traceparentFrom,
} from '../logging/request-context.ts';

const USER_AGENT_MAX = 400;

const contexts = new WeakMap<FastifyRequest, RequestContext>();

/** The context of a request, for hooks that run outside of it. */
export const contextOf = (request: FastifyRequest): RequestContext | undefined => contexts.get(request);

/** What every answer has: its correlation id, how it may be cached, and the validators of RFC 9110. */
export function addRequestHooks(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const traceparent = traceparentFrom(request.headers.traceparent);
    const userAgent = request.headers['user-agent']?.slice(0, USER_AGENT_MAX);
    const context: RequestContext = {
      correlationId: request.id,
      ipAddress: request.ip,
      ...(userAgent && { userAgent }),
      ...(traceparent && { traceparent }),
    };
    contexts.set(request, context);
    void reply.header('x-correlation-id', request.id);
    // What is not said to be public is somebody's own.
    void reply.header('cache-control', 'no-store');
    runInContext(context, done);
  });
  // The body arrives on the socket's events, which know nothing of this request: enter its context again.
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

/** RFC 8288: the same page link as `meta.nextCursor`, for clients that follow headers. */
function linkNextPage(request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
  const cursor = (payload as { meta?: { nextCursor?: string | null } } | null)?.meta?.nextCursor;
  if (!cursor) return;
  const url = new URL(request.url, 'http://localhost');
  url.searchParams.set('cursor', cursor);
  void reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
}

/** RFC 9110, section 13.1.2. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply): boolean {
  const etag = reply.getHeader('etag');
  const header = request.headers['if-none-match'];
  if (!etag || !header || reply.statusCode !== 200 || !['GET', 'HEAD'].includes(request.method)) return false;
  return header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

/** One line a request, when its answer has gone out. Health answers are asked for all the time and are no news. */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    if (!route.startsWith('/health')) {
      const fields = {
        ...contextFields(contextOf(request)),
        method: request.method,
        // The template, not the address: an address may hold a secret, and has no bounds.
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ip: request.ip,
      };
      logger[reply.statusCode >= 500 ? 'warn' : 'info'](fields, 'request');
    }
    done();
  });
}
