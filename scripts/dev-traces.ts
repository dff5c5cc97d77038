import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { reservePorts } from './dev-ports.ts';
import { metricsPage, type ProcessMetrics, STYLES, tracePage, tracesPage } from './dev-traces/pages.ts';
import { TraceStore } from './dev-traces/trace-store.ts';

/** Next to the ports of the fake providers. */
const DEFAULT_PORT = 9508;
const BODY_MAX_BYTES = 8 * 1024 * 1024;
const METRICS_TIMEOUT_MS = 2_000;
const POLICY =
  "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'";

/** Starts the receiver unless the traces go elsewhere. Returns the text that bin/dev prints about them. */
export async function startTraces(env: NodeJS.ProcessEnv, metricsPort: number): Promise<string> {
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (endpoint) return `sent to ${endpoint}`;
  const wanted = { name: 'TRACES_PORT', value: env['TRACES_PORT'], fallback: DEFAULT_PORT };
  const port = await reservePorts({ ...wanted, host: '127.0.0.1', count: 1 });
  await startTraceViewer(port, [
    { name: 'API', url: `http://127.0.0.1:${metricsPort + 1}/metrics` },
    { name: 'Worker', url: `http://127.0.0.1:${metricsPort}/metrics` },
  ]);
  env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${port}`;
  return `http://localhost:${port}/?id=<correlation id>`;
}

interface MetricsSource {
  /** The name of the process. */
  name: string;
  url: string;
}

/**
 * Receives the traces of the API and the worker (OTLP/HTTP, JSON) and shows them. Only for this machine. It is a part of
 * bin/dev and not of the build, so no other environment has it.
 */
export async function startTraceViewer(port: number, metrics: MetricsSource[]): Promise<Server> {
  const store = new TraceStore();
  const server = createServer((request, response) => {
    handle(request, response, { store, metrics }).catch(() => response.writeHead(400).end());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // Must not keep bin/dev alive.
  server.unref();
  return server;
}

interface Viewer {
  store: TraceStore;
  metrics: MetricsSource[];
}

async function handle(request: IncomingMessage, response: ServerResponse, viewer: Viewer): Promise<void> {
  // A page of another site could reach this port by a name that resolves to this machine.
  if (!/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(request.headers.host ?? ''))
    return void response.writeHead(403).end();
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST' && url.pathname === '/v1/traces')
    return receive(request, response, viewer.store);
  if (request.method !== 'GET') return void response.writeHead(405, { allow: 'GET' }).end();
  await show(url, response, viewer);
}

async function show(
  { pathname, searchParams }: URL,
  response: ServerResponse,
  viewer: Viewer,
): Promise<void> {
  if (pathname === '/styles.css') return send(response, STYLES, 'text/css');
  if (pathname === '/metrics') return send(response, metricsPage(await collect(viewer.metrics)));
  const trace = viewer.store.get(pathname.replace('/traces/', ''));
  if (trace) return send(response, tracePage(trace));
  if (pathname === '/') return showFound(searchParams.get('id')?.trim() ?? '', response, viewer.store);
  response.writeHead(404).end('Not found: the newest 500 traces are kept.');
}

/** The trace with this id, or a list if there are several or none. */
function showFound(id: string, response: ServerResponse, store: TraceStore): void {
  const found = id ? store.find(id) : store.list();
  const isOnly = id && found.length === 1;
  if (isOnly) response.writeHead(302, { location: `/traces/${found[0]?.id}` }).end();
  else send(response, tracesPage(found, id));
}

/** Other sites can't send this content type without permission (CORS). */
async function receive(request: IncomingMessage, response: ServerResponse, store: TraceStore): Promise<void> {
  if (request.headers['content-type'] !== 'application/json') return void response.writeHead(415).end();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_MAX_BYTES) return void response.writeHead(413).end();
    chunks.push(chunk);
  }
  store.add(JSON.parse(Buffer.concat(chunks).toString()));
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
}

const collect = (metrics: MetricsSource[]): Promise<ProcessMetrics[]> =>
  Promise.all(
    metrics.map(async ({ name, url }) => {
      const text = await fetch(url, { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) })
        .then((answer) => answer.text())
        .catch(() => undefined);
      return { name, text };
    }),
  );

function send(response: ServerResponse, body: string, type = 'text/html'): void {
  response
    .writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': POLICY })
    .end(body);
}
