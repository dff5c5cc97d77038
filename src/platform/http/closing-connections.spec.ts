import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { until } from '../../../test/support/until.ts';
import { trackResponses } from './broken-http.ts';
import { closeConnectionsAtShutdown } from './closing-connections.ts';

let server: FastifyInstance;
let respond: (() => void) | undefined;
let sockets: Socket[];

beforeEach(async () => {
  respond = undefined;
  server = fastify({ forceCloseConnections: 'idle', return503OnClosing: false });
  trackResponses(server);
  closeConnectionsAtShutdown(server);
  server.get('/', async () => ({ ok: true }));
  server.get('/held', () => new Promise((resolve) => (respond = () => resolve({ ok: true }))));
  // Its headers are sent before the shutdown, so they don't say that the connection closes.
  server.get('/half', (_request, reply) => {
    reply.raw.writeHead(200, { 'content-length': 2 }).write('a');
    respond = () => reply.raw.end('b');
  });
  server.post('/', async ({ body }) => ({ body }));
  await server.listen({ host: '127.0.0.1', port: 0 });
  sockets = [];
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  return server.close();
});

/** A client that sends this and then waits. `received` is what it has read so far. */
async function open(sent: string) {
  const accepted = once(server.server, 'connection');
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  const client = { received: '', closed: once(socket, 'close') };
  socket.on('data', (chunk) => (client.received += chunk.toString()));
  socket.on('error', () => undefined);
  if (sent) socket.write(sent);
  await accepted;
  return client;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a"';

describe('a server that shuts down', () => {
  it.each([
    ['nothing', ''],
    ['a part of the headers', 'GET / HTTP/1.1\r\nHo'],
    ['a whole request and a part of another one', `${get('/')}GET / HTTP`],
  ])('disconnects a client that has sent %s', async (_name, sent) => {
    const client = await open(sent);
    if (sent.startsWith(get('/'))) await until(() => client.received.includes('true'), 'the response');

    await server.close();

    await client.closed;
    expect(server.server.listening).toBe(false);
  });

  it.each([
    ['between two turns of the event loop', () => new Promise(setImmediate)],
    ['in the middle of a turn', () => stat('.')],
  ])('serves clients whose connections it has not accepted yet, %s', async (_name, point) => {
    await point();
    const received = Array.from({ length: 20 }, () => '');
    const closed = received.map((_, index) => {
      const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
      sockets.push(socket);
      socket.on('data', (chunk) => (received[index] += chunk.toString()));
      socket.write(get('/'));
      return once(socket, 'close');
    });

    await server.close();

    await Promise.all(closed);
    expect(received).toEqual(received.map(() => expect.stringMatching(/^HTTP\/1\.1 200 /)));
  });

  it('rejects a body that is incomplete with 408', async () => {
    const arrived = once(server.server, 'request');
    const client = await open(POST);
    await arrived;

    await server.close();

    await client.closed;
    expect(client.received).toMatch(/^HTTP\/1\.1 408 /);
  });

  it.each(['/held', '/half'])('waits for a response and then disconnects its client (%s)', async (path) => {
    const [client, unused] = [await open(get(path)), await open('')];
    const answer = await until(() => respond, 'the request to arrive');
    let isClosed = false;

    const closing = server.close().then(() => (isClosed = true));
    await unused.closed;
    expect(isClosed).toBe(false);
    answer();
    await closing;

    await client.closed;
    expect(client.received).toMatch(/^HTTP\/1\.1 200 /);
    expect(client.received).toMatch(path === '/half' ? /ab$/ : /\{"ok":true\}$/);
  });
});
