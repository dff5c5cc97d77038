import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { until } from '../../../test/support/until.ts';
import { discardUnreadBodies } from './unread-bodies.ts';

const PIECE = Buffer.alloc(256 * 1024, 'x');

let server: FastifyInstance;
let client: Socket;
let errors: Error[];
let responses: number;

async function start(discardMs?: number): Promise<void> {
  errors = [];
  responses = 0;
  server = fastify();
  discardUnreadBodies(server, discardMs);
  server.addContentTypeParser('text/csv', async (_request: unknown, payload: unknown) => payload);
  server.post('/unread', (_request, reply) =>
    reply.code(413).header('connection', 'close').send('too large'),
  );
  server.post('/part', async ({ body }, reply) => {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (chunk.length > 0) break;
    }
    return reply.code(422).header('connection', 'close').send('invalid');
  });
  server.post('/kept', (_request, reply) => reply.code(401).send('unauthenticated'));
  server.addHook('onResponse', (_request, _reply, done) => {
    responses += 1;
    done();
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  client = connect(port, '127.0.0.1');
  client.on('error', (error) => errors.push(error));
  // A client may read the response only after it has sent the body.
  client.pause();
}

/** Sends headers and a part of the body. Resolves when the server has sent its response. */
async function sendPart(path: string): Promise<void> {
  client.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 900000000\r\n\r\n`,
  );
  client.write(PIECE);
  await until(() => responses === 1, 'the response to be sent');
}

async function send(bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes && !client.destroyed; sent += PIECE.length) {
    await new Promise((resolve) => client.write(PIECE, resolve));
  }
}

const openConnections = () =>
  new Promise<number>((resolve, reject) => {
    server.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

describe('a response that closes the connection before the body is sent', () => {
  beforeEach(() => start());
  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  it.each([
    ['nothing', '/unread', /^HTTP\/1\.1 413 .*too large$/s],
    ['a part', '/part', /^HTTP\/1\.1 422 .*invalid$/s],
  ])(
    'reaches a client that sends more before it reads, if the server read %s',
    async (_read, path, expected) => {
      await sendPart(path);

      await send(4 * 1024 * 1024);
      let response = '';
      client.on('data', (chunk) => (response += String(chunk))).resume();
      await until(() => client.closed, 'the connection to be closed');

      expect(response).toMatch(expected);
      expect(errors).toEqual([]);
      await until(async () => (await openConnections()) === 0, 'the server to close the connection');
    },
  );
});

describe('a client that never stops sending', () => {
  it('is disconnected after the time limit', async () => {
    await start(200);
    await sendPart('/unread');

    await until(async () => {
      await send(PIECE.length);
      return client.destroyed;
    }, 'the client to be disconnected');

    await until(async () => (await openConnections()) === 0, 'the server to close the connection');
    expect(responses).toBe(1);
    await server.close();
  });
});

describe('a response that keeps the connection', () => {
  it('stays open while the body is still being sent', async () => {
    await start(200);
    await sendPart('/kept');

    await send(4 * 1024 * 1024);

    expect(errors).toEqual([]);
    expect(await openConnections()).toBe(1);
    client.destroy();
    await server.close();
  });
});
