import { type Span, SpanKind } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failSpan, isTracing, startSpan } from '../tracing/tracing.ts';

/**
 * The span of a request, until its response was sent or the client has disconnected. Not for health checks. It has the
 * route and not the path, which may contain secrets.
 */
export function startRequestSpan(
  request: FastifyRequest,
  reply: FastifyReply,
  traceparent: string | undefined,
): Span | undefined {
  const { method, routeOptions } = request;
  if (!isTracing() || routeOptions.url?.startsWith('/health')) return undefined;
  const attributes = {
    'http.request.method': method,
    'http.route': routeOptions.url,
    'url.scheme': request.protocol,
    'app.correlation_id': request.id,
  };
  const name = routeOptions.url ? `${method} ${routeOptions.url}` : method;
  const span = startSpan(name, { kind: SpanKind.SERVER, attributes }, traceparent);
  reply.raw.once('close', () => endSpan(span!, reply));
  return span;
}

function endSpan(span: Span, { raw }: FastifyReply): void {
  if (raw.headersSent) span.setAttribute('http.response.status_code', raw.statusCode);
  if (!raw.writableFinished) span.setAttribute('error.type', 'client_disconnected');
  if (raw.statusCode >= 500) failSpan(span, String(raw.statusCode));
  span.end();
}
