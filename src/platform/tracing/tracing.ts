import { Logger } from '@nestjs/common';
import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { withTimeout } from '../errors/with-timeout.ts';
import { spanContextFrom } from '../logging/request-context.ts';

/** Part of the shutdown deadline. An endpoint that does not respond must not use it up. */
const FLUSH_MAX_MS = 2_000;

let tracer: Tracer | undefined;
let stop = (): Promise<void> => Promise.resolve();

export const isTracing = (): boolean => tracer !== undefined;

/** Does nothing without OTEL_EXPORTER_OTLP_ENDPOINT: the SDK is not even loaded. Call it before the application exists. */
export async function startTracing(config: Config, role: 'api' | 'worker'): Promise<void> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!endpoint) return;
  const { registerSdk } = await import('./tracing-sdk.ts');
  stop = registerSdk(config, { endpoint, role });
  tracer = trace.getTracer(product.name, product.version);
}

/** Sends the last spans. Never throws. */
export async function stopTracing(): Promise<void> {
  await withTimeout(stop(), FLUSH_MAX_MS).catch((error: unknown) =>
    new Logger('Tracing').warn({ msg: 'The last spans were not exported', err: error }),
  );
}

/**
 * Undefined while tracing is off. The parent is the given traceparent of another process, or else the active span. Attributes
 * contain no personal data and no values of a client: a trace leaves the system.
 */
export function startSpan(name: string, options: SpanOptions, traceparent?: string | null): Span | undefined {
  if (!tracer) return undefined;
  const parent = traceparent ? spanContextFrom(traceparent) : undefined;
  return tracer.startSpan(
    name,
    options,
    parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : context.active(),
  );
}

/** Runs the work in a span, which is the parent of all spans that the work starts. */
export async function inSpan<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const span = startSpan(name, options);
  if (!span) return work();
  try {
    return await context.with(trace.setSpan(context.active(), span), work);
  } catch (error) {
    failSpan(span, error instanceof Error ? error.constructor.name : '_OTHER');
    throw error;
  } finally {
    span.end();
  }
}

/** Without the message of the error, which may contain data. The log has it, with the id of the span. */
export function failSpan(span: Span | undefined, errorType: string, attributes: Attributes = {}): void {
  span?.setAttributes({ ...attributes, 'error.type': errorType });
  span?.setStatus({ code: SpanStatusCode.ERROR });
}
