import {
  ROOT_CONTEXT,
  context as otelContext,
  isSpanContextValid,
  type Span,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { LOCALES, type Locale, type Translated } from '../i18n/locales.ts';

/** The data of the current request or job, available in all code that it runs. */
export interface RequestContext {
  correlationId: string;
  /** The W3C trace context of the caller, unchanged. */
  traceparent?: string;
  /** While tracing is on: the span of the request, run or delivery. */
  span?: Span;
  userId?: string;
  sessionId?: string;
  jobId?: string;
  ipAddress?: string;
  userAgent?: string;
  /** Negotiated from Accept-Language. Missing in a job. */
  locale?: Locale;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const currentContext = (): RequestContext | undefined => storage.getStore();

/** Activates the span of the context. If it has none, no span is active: the caller's may belong to another job. */
export function runInContext<T>(context: RequestContext, run: () => T): T {
  if (!context.span && !trace.getActiveSpan()) return storage.run(context, run);
  const active = context.span ? trace.setSpan(ROOT_CONTEXT, context.span) : ROOT_CONTEXT;
  return otelContext.with(active, () => storage.run(context, run));
}

/** The texts in the language of the current request. */
export const translate = <Texts>(texts: Translated<Texts>): Texts =>
  texts[currentContext()?.locale ?? LOCALES[0]];

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Uses the id of the caller only if its characters are safe in headers, logs and emails. */
export function correlationIdFrom(header: string | string[] | undefined): string {
  return typeof header === 'string' && CORRELATION_ID.test(header) ? header : randomUUID();
}

export function traceparentFrom(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : undefined;
}

/** The trace context for the work that this request or job starts. Without tracing it is that of the caller. */
export function currentTraceparent(): string | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  if (!span) return currentContext()?.traceparent;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

export function spanContextFrom(traceparent: string): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
  return isSpanContextValid(spanContext) ? spanContext : undefined;
}
