import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { times, until } from '../../../test/support/until.ts';
import { AppError } from '../errors/app-error.ts';
import { BODIES_MAX_BYTES, BODIES_PER_NETWORK_MAX_BYTES, limitBodyMemory } from './body-budget.ts';

const BODY_BYTES = BODIES_PER_NETWORK_MAX_BYTES / 4;
/** The body without its last bytes, so that the server waits. */
const ALMOST_ALL = Buffer.alloc(BODY_BYTES - 1, ' ');

let server: FastifyInstance;
let sockets: Socket[];
let arrived: number;

beforeEach(async () => {
  sockets = [];
  arrived = 0;
  server = fastify({ trustProxy: true, bodyLimit: BODY_BYTES });
  limitBodyMemory(server, 100 * 1024);
  server.addHook('preParsing', (_request, _reply, payload, done) => {
    payload.on('data', (chunk: Buffer) => (arrived += chunk.length));
    done();
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  server.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof AppError)) return reply.send(error);
    return reply
      .code(error.problem.status)
      .headers(error.extras.headers ?? {})
      .send();
  });
  server.post('/raw', { config: { rawMaxBytes: BODY_BYTES } }, async () => 'taken');
  server.post('/usual', async () => 'taken');
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  await server.close();
});

interface Options {
  path?: string;
  length?: string;
  type?: string;
}

/** Sends the headers and the given part of the body. */
function send(
  address: string,
  body: Buffer | string = '',
  { path = '/raw', length = `Content-Length: ${BODY_BYTES}`, type = 'application/json' }: Options = {},
) {
  const { port } = server.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  socket.on('error', () => undefined);
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', `X-Forwarded-For: ${address}`, `Content-Type: ${type}`];
  socket.write([...head, length, '', ''].join('\r\n'));
  socket.write(body);
  return { socket, answer: () => until(() => received, 'an answer') };
}

const sendWhole = (address: string, path = '/raw') =>
  send(address, '{}', { path, length: 'Content-Length: 2' }).answer();

/** Each IP address sends almost all of its body and waits. */
async function sendAlmostAll(addresses: string[]) {
  const sent = addresses.map((address) => send(address, ALMOST_ALL));
  await until(() => arrived === sent.length * ALMOST_ALL.length, 'the bodies to have arrived');
  return sent;
}

describe('parallel large bodies', () => {
  it('are rejected above the limit of one IP address, until one of its bodies is released', async () => {
    const [gone] = await sendAlmostAll(times(4, () => '192.0.2.1'));

    const rejected = await sendWhole('192.0.2.1');
    const other = await sendWhole('192.0.2.2');
    gone?.socket.destroy();
    await until(
      async () => (await sendWhole('192.0.2.1')).startsWith('HTTP/1.1 200'),
      'a body to be taken again',
    );

    expect(rejected).toMatch(/^HTTP\/1\.1 503 /);
    expect(rejected).toMatch(/^connection: close/im);
    expect(rejected).toMatch(/^retry-after: \d+/im);
    expect(other).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are rejected during the upload, and count no further bytes', async () => {
    await sendAlmostAll(times(3, () => '192.0.2.1'));
    const half = BODY_BYTES / 2;
    const first = send('192.0.2.1', ALMOST_ALL.subarray(0, half - 1), { length: `Content-Length: ${half}` });
    await until(() => arrived === 3 * ALMOST_ALL.length + half - 1, 'half a body to have arrived');

    const ended = await send('192.0.2.1', ALMOST_ALL).answer();
    first.socket.write(' ');

    expect(ended).toMatch(/^HTTP\/1\.1 503 /);
    expect(await first.answer()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are counted together for one IPv6 /64 network', async () => {
    await sendAlmostAll(times(4, (n) => `2001:db8::${n}`));

    expect(await sendWhole('2001:db8::9')).toMatch(/^HTTP\/1\.1 503 /);
    expect(await sendWhole('2001:db8:0:1::9')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are rejected above the limit of all IP addresses together', async () => {
    await sendAlmostAll(times(BODIES_MAX_BYTES / BODY_BYTES, (n) => `192.0.2.${n}`));

    expect(await sendWhole('192.0.2.200')).toMatch(/^HTTP\/1\.1 503 /);
  });

  it('count by received bytes, not by Content-Length', async () => {
    times(100, () => send('192.0.2.1', '{'));
    times(100, () => send('192.0.2.1', '', { length: 'Transfer-Encoding: chunked' }));
    await until(() => arrived === 100, 'the first bytes to have arrived');

    expect(await sendWhole('192.0.2.1')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are released after any response', async () => {
    for (const type of ['application/json', 'text/plain']) {
      for (let count = 0; count < 5; count += 1) {
        await send('192.0.2.1', `${ALMOST_ALL.toString()} `, { type }).answer();
      }
    }

    expect(await sendWhole('192.0.2.1')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('keep the connection usable when they are rejected for their type', async () => {
    const { socket, answer } = send('192.0.2.1', `${ALMOST_ALL.toString()} `, { type: 'text/plain' });
    expect(await answer()).toMatch(/^HTTP\/1\.1 415 /);

    const taken = new Promise<string>((resolve) => socket.on('data', (chunk) => resolve(String(chunk))));
    socket.write(
      'POST /usual HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    );

    expect(await taken).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('don’t affect other requests', async () => {
    await sendAlmostAll(times(4, () => '192.0.2.1'));

    expect(await sendWhole('192.0.2.1', '/usual')).toMatch(/^HTTP\/1\.1 200 /);
  });
});
