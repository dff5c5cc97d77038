import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { Endpoint, ProviderState } from './control.ts';

/** A path stands for everything below it, too. */
export type EndpointPaths = Partial<Record<Endpoint, string>>;

export interface ProviderServer {
  origin: string;
  /** Called with every request that no hostile mode has answered. */
  handle(listener: RequestListener): void;
  stop(): Promise<void>;
}

const HUGE_BYTES = 64 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'a');

/**
 * A server that counts what it is asked and misbehaves when told to. The origin is always 127.0.0.1: to a browser that
 * is another site than localhost, where the application lies, as the real providers are.
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

/** Whether the request has been dealt with. */
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
      // The metadata service of clouds, which has the machine's credentials. A redirect must not lead there.
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
      return true;
    default:
      return false;
  }
}

/** A JSON string without end, as far as anybody reads it. */
const hugeBody = (): Readable =>
  Readable.from(
    (function* () {
      yield Buffer.from('{"access_token":"');
      for (let sent = 0; sent < HUGE_BYTES; sent += CHUNK.length) yield CHUNK;
      yield Buffer.from('","token_type":"bearer"}');
    })(),
  );
