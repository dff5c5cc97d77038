import { type Span, SpanKind, trace } from '@opentelemetry/api';
import pg from 'pg';
import { failSpan, startSpan } from './tracing.ts';

type Query = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result: unknown) => void;

/** A connection that creates a span for each statement within another span. Used only while tracing is on. */
export class TracedClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as Query;
    this.query = ((...args: unknown[]) => traceQuery(query, args, this.database)) as typeof this.query;
  }
}

function traceQuery(query: Query, args: unknown[], database?: string): unknown {
  const [first] = args as [string | { text?: string; submit?: unknown } | undefined];
  const text = typeof first === 'string' ? first : first?.text;
  // A Submittable, such as a cursor, reports its own end. A poll has no parent span, and would become a separate trace.
  if (text === undefined || Object(first).submit || !trace.getActiveSpan()?.isRecording())
    return query(...args);
  const span = startSpan(nameOf(text), {
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      // The statement has placeholders. Its values are never in a trace.
      'db.query.text': text,
    },
  })!;
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    const end: Callback = (error, result) => {
      endSpan(span, error);
      (callback as Callback)(error, result);
    };
    return query(...args.slice(0, -1), end);
  }
  const result = query(...args) as Promise<unknown>;
  result.then(
    () => endSpan(span),
    (error: unknown) => endSpan(span, error),
  );
  return result;
}

function endSpan(span: Span, error?: unknown): void {
  const { code } = Object(error) as { code?: string };
  if (error) failSpan(span, code ?? '_OTHER', code ? { 'db.response.status_code': code } : {});
  span.end();
}

/** The operation and its first table: `UPDATE users`. */
function nameOf(text: string): string {
  const operation = /\w+/.exec(text)?.[0].toUpperCase() ?? 'SQL';
  const table = /\b(?:FROM|INTO|UPDATE)\s+"?([a-z_]\w*)"?(?!\w*\s*\()/i.exec(text)?.[1];
  return table ? `${operation} ${table}` : operation;
}
