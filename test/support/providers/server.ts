import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { Endpoint, ProviderState } from './control.ts';

/** A path includes all paths below it. */
export type EndpointPaths = Partial<Record<Endpoint, string>>;

export interface ProviderServer {
  origin: string;
  /** Handles every request that no failure mode has handled. */
  handle(listener: RequestListener): void;
  stop(): Promise<void>;
}

const HUGE_BYTES = 64 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'a');

/**
 * A server that counts its requests and has failure modes. The origin is always 127.0.0.1: to a browser that
 * is a different site from localhost, the origin of the application. Real providers are a different site, too.
 */
export async function listen(
  state: ProviderState,
  paths: EndpointPaths,
  { port, host }: { port: number; host: string },
): Promise<ProviderServer> {
  let listener: RequestListener | undefined;
  const server = createServer((request, response) => {
    const endpoint = endpointOf(paths, request.url ?? '/');
    if (endpoint) state.requests[endpoint] += 1;
    if (state.hostile === 'down') request.socket.destroy();
    else if (!answerHostile(state, endpoint, response)) listener?.(request, response);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handle: (given) => void (listener = given),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function endpointOf(paths: EndpointPaths, url: string): Endpoint | undefined {
  const { pathname } = new URL(url, 'http://localhost');
  const found = Object.entries(paths).find(
    ([, path]) => pathname === path || pathname.startsWith(`${path}/`),
  );
  return found?.[0] as Endpoint | undefined;
}

/** Whether a failure mode has handled the request. */
function answerHostile(
  state: ProviderState,
  endpoint: Endpoint | undefined,
  response: ServerResponse,
): boolean {
  switch (`${endpoint} ${state.hostile}`) {
    case 'token token-500':
    case 'api api-500':
      response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>Internal fake-provider secret</h1>');
      return true;
    case 'token token-hang':
    case 'api api-hang':
      // Left open until the client gives up or the fake provider stops.
      return true;
    case 'token token-huge':
      response.writeHead(200, { 'content-type': 'application/json' });
      hugeBody()
        .on('error', () => {})
        .pipe(response);
      return true;
    case 'token token-redirect':
      // The cloud metadata service, which returns credentials. A client must not follow this redirect.
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
      return true;
    default:
      return false;
  }
}

/** An endless JSON string. */
const hugeBody = (): Readable =>
  Readable.from(
    (function* () {
      yield Buffer.from('{"access_token":"');
      for (let sent = 0; sent < HUGE_BYTES; sent += CHUNK.length) yield CHUNK;
      yield Buffer.from('","token_type":"bearer"}');
    })(),
  );
