import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { times, until } from '../../../test/support/until.ts';
import { BODIES_MAX_BYTES, BODIES_OF_ONE_ADDRESS_MAX_BYTES, limitBodyMemory } from './body-budget.ts';

const BODY_BYTES = BODIES_OF_ONE_ADDRESS_MAX_BYTES / 4;

let server: FastifyInstance;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  server = fastify({ trustProxy: true, bodyLimit: BODY_BYTES });
  limitBodyMemory(server);
  server.post('/raw', { config: { rawMaxBytes: BODY_BYTES } }, async () => 'taken');
  server.post('/usual', async () => 'taken');
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  await server.close();
});

/** Sends a head; the server either goes on to wait for the body, or answers at once. */
async function begin(address: string, length = `Content-Length: ${BODY_BYTES}`, path = '/raw') {
  const { port } = server.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  socket.on('error', () => undefined);
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', `X-Forwarded-For: ${address}`, 'Expect: 100-continue'];
  socket.write([...head, 'Content-Type: application/json', length, '', ''].join('\r\n'));
  await until(() => received, 'the server to have read the head');
  const answer = () =>
    until(() => received.includes('HTTP/1.1 ', 1) || !received.startsWith('HTTP/1.1 100'), 'an answer').then(
      () => received.replace('HTTP/1.1 100 Continue\r\n\r\n', ''),
    );
  return { socket, answer };
}

describe('large bodies at once', () => {
  it('are refused unread where one address has too many, until one of them is gone', async () => {
    const [gone] = await Promise.all(times(4, () => begin('192.0.2.1')));

    const refused = await (await begin('192.0.2.1')).answer();
    const other = await begin('192.0.2.2', 'Content-Length: 2');
    other.socket.write('{}');
    gone?.socket.destroy();
    const accepted = await until(async () => {
      const next = await begin('192.0.2.1', 'Content-Length: 2');
      next.socket.write('{}');
      return (await next.answer()).startsWith('HTTP/1.1 200');
    }, 'a body to be taken again');

    expect(refused).toMatch(/^HTTP\/1\.1 503 [^]*connection: close/i);
    expect(await other.answer()).toMatch(/^HTTP\/1\.1 200 /);
    expect(accepted).toBe(true);
  });

  it('are refused unread where all addresses together have too many, and count as the largest where none is told', async () => {
    const count = BODIES_MAX_BYTES / BODY_BYTES;
    await Promise.all(times(count, (n) => begin(`192.0.2.${n}`, 'Transfer-Encoding: chunked')));

    expect(await (await begin('192.0.2.200')).answer()).toMatch(/^HTTP\/1\.1 503 /);
  });

  it('cost other requests nothing', async () => {
    await Promise.all(times(4, () => begin('192.0.2.1')));

    const usual = await begin('192.0.2.1', 'Content-Length: 2', '/usual');
    usual.socket.write('{}');

    expect(await usual.answer()).toMatch(/^HTTP\/1\.1 200 /);
  });
});
