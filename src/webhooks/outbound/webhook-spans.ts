import { type Span, SpanKind } from '@opentelemetry/api';
import { failSpan, startSpan } from '../../platform/tracing/tracing.ts';
import type { Attempt } from './webhook-claims.service.ts';
import type { WebhookResponse } from './webhook-sender.ts';

/** Without the URL of the receiver: it belongs to a user and may contain a secret. Undefined while tracing is off. */
export function startAttemptSpan({ delivery }: Attempt): Span | undefined {
  const attributes = {
    'http.request.method': 'POST',
    'http.request.resend_count': delivery.failures,
    'app.webhook.delivery_id': delivery.id,
    'app.correlation_id': delivery.correlationId,
  };
  return startSpan('POST webhook', { kind: SpanKind.CLIENT, attributes }, delivery.traceparent);
}

export function endAttemptSpan(span: Span, { statusCode, error }: WebhookResponse): void {
  if (statusCode !== null) span.setAttribute('http.response.status_code', statusCode);
  if (error !== null) failSpan(span, statusCode === null ? '_OTHER' : String(statusCode));
  span.end();
}
