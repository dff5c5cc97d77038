import { type Span, SpanKind } from '@opentelemetry/api';
import { inSpan, isTracing, startSpan } from '../platform/tracing/tracing.ts';
import type { Job } from './job.entity.ts';

/** See the conventions of OpenTelemetry for messaging. The destination is the type of the job. */
const attributesOf = (type: string, operation: 'send' | 'process') => ({
  'messaging.system': 'bullmq',
  'messaging.destination.name': type,
  'messaging.operation.type': operation,
  'messaging.operation.name': operation,
});

/** Runs the work in a span, which becomes the parent of the runs of these jobs. */
export function inEnqueueSpan<T>(type: string, count: number, work: () => Promise<T>): Promise<T> {
  if (!isTracing()) return work();
  const attributes = { ...attributesOf(type, 'send'), 'messaging.batch.message_count': count };
  return inSpan(`send ${type}`, { kind: SpanKind.PRODUCER, attributes }, work);
}

/** Continues the trace of the request or job that enqueued it. Undefined while tracing is off. */
export function startRunSpan({ id, type, attempts, correlationId, traceparent }: Job): Span | undefined {
  const attributes = {
    ...attributesOf(type, 'process'),
    'messaging.message.id': id,
    'app.job.attempt': attempts,
    'app.correlation_id': correlationId,
  };
  return startSpan(`process ${type}`, { kind: SpanKind.CONSUMER, attributes }, traceparent);
}
