import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A received request, unchanged, because the signature covers exactly these bytes. */
export interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
  receivedAt: string;
}

/** The response of `GET /`. */
export interface ReceiverState {
  name: typeof NAME;
  /** The URL for the worker. In containers it differs from the URL on this machine. */
  url: string;
  received: Received[];
}

export const NAME = 'webhook receiver';
export const DEFAULT_PORT = 9504;
const KEPT_MAX = 100;
const BODY_MAX_BYTES = 64 * 1024;

/** Accepts every POST and lists the newest ones at `GET /`, oldest first. For development only: it has no authentication. */
export async function startReceiver(port: number, host: string, url: string): Promise<Server> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    // A sender that disconnects must not stop the receiver.
    if (request.method === 'POST') receive(request, response, received).catch(() => response.destroy());
    else sendState(response, { name: NAME, url, received });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

function sendState(response: ServerResponse, state: ReceiverState): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state, null, 2));
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  received: Received[],
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > BODY_MAX_BYTES) return void response.writeHead(413, { connection: 'close' }).end();
  }
  received.push({
    path: request.url ?? '',
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: Buffer.concat(chunks).toString(),
    receivedAt: new Date().toISOString(),
  });
  received.splice(0, received.length - KEPT_MAX);
  response.writeHead(204).end();
}

// As a program, for docker compose:
//   WEBHOOK_RECEIVER_HOST  the host to listen on (default: 127.0.0.1)
//   WEBHOOK_RECEIVER_PORT  the port to listen on (default: 9504)
//   WEBHOOK_RECEIVER_URL   the URL for the worker
if (import.meta.main) {
  const { env } = process;
  const port = Number(env.WEBHOOK_RECEIVER_PORT || DEFAULT_PORT);
  const url = env.WEBHOOK_RECEIVER_URL || `http://127.0.0.1:${port}`;
  const server = await startReceiver(port, env.WEBHOOK_RECEIVER_HOST || '127.0.0.1', url);
  console.log(`Webhooks to ${url} are listed at http://localhost:${port}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close());
}
