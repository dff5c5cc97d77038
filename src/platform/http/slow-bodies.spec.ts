import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import { connect, type AddressInfo } from 'node:net';
import { limitBodyTime } from './slow-clients.ts';

const DEADLINE_MS = 200;

let server: FastifyInstance;

beforeEach(async () => {
  server = fastify();
  limitBodyTime(server, DEADLINE_MS);
  server.addContentTypeParser('text/csv', async (_request: unknown, payload: unknown) => payload);
  server.post('/', async ({ body }) => {
    if (!(Symbol.asyncIterator in (body as object))) return { whole: body };
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
    return { bytes };
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(() => server.close());

/** Sends the headers and the first part at once and the rest after the deadline. Resolves to the response. */
function send(mediaType: string, first: string, rest: string): Promise<string> {
  const { port } = server.server.address() as AddressInfo;
  const length = Buffer.byteLength(first + rest);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        `POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${mediaType}\r\nContent-Length: ${length}\r\n\r\n${first}`,
      ),
    );
    setTimeout(() => socket.writable && socket.write(rest), 3 * DEADLINE_MS);
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

describe('a slow request body', () => {
  it('is rejected with 408 if the route buffers it', async () => {
    const answer = await send('application/json', '{"a":', '1}');

    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('is accepted if the route streams it', async () => {
    const answer = await send('text/csv', 'a,b\n', '1,2\n');

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('{"bytes":8}');
  });
});
