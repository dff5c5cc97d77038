import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Receiver } from '../support/receiver.ts';

/** A server that must never receive a connection. Counts connections. */
export async function startCanary() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The recorded result of a delivery attempt. */
interface Written {
  statusCode: number | null;
  error: string;
}

/** One path per kind of failure: `/hang`, `/drip` … */
export function misbehave(receiver: Receiver, canaryHost: string): Record<string, Written> {
  receiver.behave('/hang', () => undefined);
  receiver.behave('/drip', (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('.'), 1_000);
    response.once('close', () => clearInterval(timer));
  });
  receiver.behave('/reset', (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('some', () => response.destroy());
  });
  receiver.answer('/error', 500);
  receiver.answer('/gone', 410);
  receiver.answer('/busy', 429, { 'retry-after': '120' });
  receiver.answer('/redirect', 307, { location: `http://${canaryHost}/` });
  receiver.answer('/metadata', 302, { location: 'http://169.254.169.254/latest/meta-data/' });
  const answered = (statusCode: number) => ({ statusCode, error: `The receiver responded ${statusCode}.` });
  const late = 'There was no response within 10 s.';
  return {
    '/hang': { statusCode: null, error: late },
    '/drip': { statusCode: 200, error: late },
    '/reset': { statusCode: 200, error: 'The connection failed (ECONNRESET).' },
    '/error': answered(500),
    '/gone': answered(410),
    '/busy': answered(429),
    '/redirect': answered(307),
    '/metadata': answered(302),
  };
}

const GIGABYTE = 1_000_000_000;

/** Responds at `/flood` with 200 and a gigabyte. Returns the number of bytes sent. */
export function flood(receiver: Receiver): () => number {
  let written = 0;
  const chunk = Buffer.alloc(65_536, 'x');
  receiver.behave('/flood', (_, response) => {
    response.writeHead(200, { 'content-length': String(GIGABYTE) });
    const write = (): void => {
      while (!response.destroyed && response.write(chunk)) written += chunk.length;
      response.once('drain', write);
    };
    write();
  });
  return () => written;
}
