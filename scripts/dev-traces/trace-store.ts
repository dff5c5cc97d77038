const TRACES_MAX = 500;
const SPANS_PER_TRACE_MAX = 2_000;

interface OtlpAttribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: OtlpAttribute[];
  status?: { code?: number };
}

/** The body of a request to /v1/traces, in the JSON form of OTLP. */
interface OtlpTraces {
  resourceSpans?: {
    resource?: { attributes?: OtlpAttribute[] };
    scopeSpans?: { spans?: OtlpSpan[] }[];
  }[];
}

export interface DevSpan {
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** The name of the process. */
  service: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  ms: number;
  isError: boolean;
  attributes: Record<string, string>;
}

export interface DevTrace {
  id: string;
  spans: DevSpan[];
}

const STATUS_ERROR = 2;

/** The newest traces, in memory. */
export class TraceStore {
  private readonly traces = new Map<string, DevTrace>();

  add({ resourceSpans = [] }: OtlpTraces): void {
    for (const { resource, scopeSpans = [] } of resourceSpans) {
      const service = valuesOf(resource?.attributes)['service.name'] ?? 'unknown';
      for (const span of scopeSpans.flatMap(({ spans = [] }) => spans)) this.addSpan(span, service);
    }
  }

  /** Newest first. */
  list(): DevTrace[] {
    return [...this.traces.values()].toReversed();
  }

  get(id: string): DevTrace | undefined {
    return this.traces.get(id);
  }

  /** Finds traces by trace id, or by the correlation id of a request, run or webhook. Newest first. */
  find(id: string): DevTrace[] {
    return this.list().filter(
      (trace) => trace.id === id || trace.spans.some((span) => span.attributes['app.correlation_id'] === id),
    );
  }

  private addSpan(span: OtlpSpan, service: string): void {
    const trace = this.traces.get(span.traceId) ?? { id: span.traceId, spans: [] };
    if (trace.spans.length < SPANS_PER_TRACE_MAX) trace.spans.push(toDevSpan(span, service));
    this.traces.set(span.traceId, trace);
    // A Map keeps the order of insertion.
    const [oldest] = this.traces.keys();
    if (this.traces.size > TRACES_MAX && oldest) this.traces.delete(oldest);
  }
}

function toDevSpan(span: OtlpSpan, service: string): DevSpan {
  const startedAt = Number(span.startTimeUnixNano) / 1e6;
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    service,
    startedAt,
    ms: Number(span.endTimeUnixNano) / 1e6 - startedAt,
    isError: span.status?.code === STATUS_ERROR,
    attributes: valuesOf(span.attributes),
  };
}

const valuesOf = (attributes: OtlpAttribute[] = []): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));

/** Each span after its parent, with its depth. A parent is missing if it has not ended or is of another system. */
export function inOrder({ spans }: DevTrace): { span: DevSpan; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const byTime = spans.toSorted((a, b) => a.startedAt - b.startedAt);
  const children = Map.groupBy(byTime, ({ parentSpanId = '' }) =>
    ids.has(parentSpanId) ? parentSpanId : '',
  );
  const below = (id: string, depth: number): { span: DevSpan; depth: number }[] =>
    (children.get(id) ?? []).flatMap((span) => [{ span, depth }, ...below(span.spanId, depth + 1)]);
  return below('', 0);
}
