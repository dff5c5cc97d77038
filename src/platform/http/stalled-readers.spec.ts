import { afterEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { disconnectStalledReaders } from './slow-clients.ts';

const STALL_MS = 1_500;
/** More than the socket buffers of both sides hold. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'x');

let server: FastifyInstance;

afterEach(() => server.close());

/** Requests the route and resolves to its response, of which nothing has been read. */
async function request(handler: () => Promise<unknown>): Promise<IncomingMessage> {
  server = Fastify();
  disconnectStalledReaders(server, STALL_MS);
  server.get('/', handler);
  await server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.server.address() as AddressInfo;
  const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
  return response as IncomingMessage;
}

async function bytesOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  return bytes;
}

describe('disconnectStalledReaders', () => {
  it('disconnects a client that reads nothing of a large response', async () => {
    const response = await request(async () => LARGE);
    response.on('error', () => undefined);
    const sockets = () => new Promise<number>((done) => server.server.getConnections((_, n) => done(n)));

    while ((await sockets()) > 0) await sleep(20);

    expect(await sockets()).toBe(0);
  });

  it('lets a slow client that keeps reading finish', async () => {
    const response = await request(async () => LARGE);
    let bytes = 0;
    for await (const chunk of response) {
      const before = Math.floor(bytes / (8 * 1024 * 1024));
      bytes += (chunk as Buffer).length;
      if (Math.floor(bytes / (8 * 1024 * 1024)) > before) await sleep(STALL_MS / 5);
    }

    expect(bytes).toBe(LARGE.length);
  });

  it('lets a handler take longer than the deadline', async () => {
    const response = await request(async () => {
      await sleep(2 * STALL_MS);
      return 'late';
    });

    expect(await bytesOf(response)).toBe(4);
  });
});
