import { type DevSpan, type DevTrace, inOrder } from './trace-store.ts';

/** The sections of a trace, and the attribute of their spans that identifies the job or delivery. */
const SECTIONS: Record<string, string> = {
  Jobs: 'messaging.message.id',
  Webhooks: 'app.webhook.delivery_id',
};
const DEPTH_MAX = 6;
const LISTED_MAX = 100;

export const STYLES = `
body { max-width: 72rem; margin: 1rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui; color-scheme: light dark; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.25rem 0.5rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8886; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.bar { width: 30%; }
svg { width: 100%; height: 1rem; fill: #4a8; }
.error { color: #c33; }
.error svg { fill: #c33; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0.25rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
input { font: inherit; width: 24rem; max-width: 100%; }
button { font: inherit; }
${Array.from({ length: DEPTH_MAX + 1 }, (_, depth) => `.depth-${depth} { padding-left: ${0.5 + depth}rem; }`).join('\n')}
`;

export function tracesPage(traces: DevTrace[], search: string): string {
  const rows = traces.slice(0, LISTED_MAX).map((trace) => {
    const [first] = inOrder(trace);
    if (!first) return '';
    const { span } = first;
    return `<tr class="${classOf(trace.spans)}">
      <td>${time(span.startedAt)}</td>
      <td><a href="/traces/${escape(trace.id)}">${escape(span.name)}</a></td>
      <td>${escape(correlationIdOf(trace))}</td>
      <td class="number">${trace.spans.length}</td>
      <td class="number">${span.ms.toFixed(1)} ms</td></tr>`;
  });
  const table = `<table><thead><tr><th scope="col">Time</th><th scope="col">Request or job</th>
    <th scope="col">Correlation id</th><th scope="col" class="number">Spans</th>
    <th scope="col" class="number">Duration</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  const none = search
    ? `<p role="status">No trace has the id ${escape(search)}. A span arrives about a second after its end.</p>`
    : '<p role="status">There is no trace yet. Send a request to the API.</p>';
  return page('Traces', search, traces.length > 0 ? table : none);
}

export function tracePage(trace: DevTrace): string {
  const spans = inOrder(trace);
  const start = Math.min(...trace.spans.map(({ startedAt }) => startedAt));
  const total = Math.max(...trace.spans.map(({ startedAt, ms }) => startedAt + ms)) - start;
  const rows = spans.map(({ span, depth }) => {
    const at = span.startedAt - start;
    // Always wide enough to be visible.
    const [x, width] = [(100 * at) / (total || 1), Math.max(0.5, (100 * span.ms) / (total || 1))];
    return `<tr id="${escape(span.spanId)}" class="${classOf([span])}">
      <td class="depth-${Math.min(depth, DEPTH_MAX)}">${details(span)}</td>
      <td>${escape(span.service)}</td>
      <td class="number">${at.toFixed(1)}</td>
      <td class="number">${span.ms.toFixed(1)}</td>
      <td class="bar"><svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="1" /></svg></td></tr>`;
  });
  return page(
    spans[0]?.span.name ?? 'Trace',
    correlationIdOf(trace),
    `<p>${time(start)}, trace ${escape(trace.id)}</p>
    ${Object.entries(SECTIONS)
      .map(([title, attribute]) => sectionOf(title, attribute, trace))
      .join('')}
    <h2>Spans</h2>
    <table><thead><tr><th scope="col">Span</th><th scope="col">Process</th><th scope="col" class="number">Start (ms)</th>
    <th scope="col" class="number">Duration (ms)</th><th scope="col">Time</th></tr></thead><tbody>${rows.join('')}</tbody></table>`,
  );
}

function sectionOf(title: string, attribute: string, trace: DevTrace): string {
  const items = trace.spans.filter(({ attributes }) => attributes[attribute] !== undefined);
  if (items.length === 0) return '';
  const links = items.map(({ spanId, name, isError, attributes }) => {
    const state = isError
      ? ` <strong class="error">${escape(attributes['error.type'] ?? 'error')}</strong>`
      : '';
    return `<li><a href="#${escape(spanId)}">${escape(name)}</a> ${escape(attributes[attribute])}${state}</li>`;
  });
  return `<h2>${title}</h2><ul>${links.join('')}</ul>`;
}

function details({ name, attributes }: DevSpan): string {
  const rows = Object.entries(attributes).map(
    ([key, value]) => `<dt>${escape(key)}</dt><dd>${escape(value)}</dd>`,
  );
  return `<details><summary>${escape(name)}</summary><dl>${rows.join('')}</dl></details>`;
}

export interface ProcessMetrics {
  name: string;
  /** In the text format of Prometheus. Undefined if the process does not respond. */
  text: string | undefined;
}

/** The metrics of the product. The Prometheus endpoint of each process has all metrics. */
export function metricsPage(processes: ProcessMetrics[]): string {
  const parts = processes.map(({ name, text }) => {
    if (text === undefined)
      return `<h2>${escape(name)}</h2><p role="status">The process does not respond.</p>`;
    const rows = text
      .split('\n')
      .filter((line) => line && !/^(#|nodejs_|process_)|_bucket\{|_created\b/.test(line))
      .map((line) => {
        const end = line.lastIndexOf(' ');
        return `<tr><td>${escape(line.slice(0, end))}</td><td class="number">${escape(line.slice(end + 1))}</td></tr>`;
      });
    return `<h2>${escape(name)}</h2><table><thead><tr><th scope="col">Metric</th>
      <th scope="col" class="number">Value</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  });
  return page('Metrics', '', parts.join(''));
}

function page(title: string, search: string, content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>${escape(title)}</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/styles.css" />
  </head>
  <body>
    <nav><a href="/">Traces</a> · <a href="/metrics">Metrics</a></nav>
    <form action="/" role="search">
      <label for="id">Correlation id or trace id</label>
      <input id="id" name="id" value="${escape(search)}" autocomplete="off" />
      <button>Find</button>
    </form>
    <main><h1>${escape(title)}</h1>${content}</main>
  </body>
</html>`;
}

const correlationIdOf = ({ spans }: DevTrace): string =>
  spans.find(({ attributes }) => attributes['app.correlation_id'])?.attributes['app.correlation_id'] ?? '';

const classOf = (spans: DevSpan[]): string => (spans.some(({ isError }) => isError) ? 'error' : '');

const time = (ms: number): string => new Date(ms).toLocaleTimeString('en-GB');

const escape = (text: unknown): string =>
  String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
