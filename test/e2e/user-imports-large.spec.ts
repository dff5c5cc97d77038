import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { countFiles } from '../support/imports.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
const LINE = Buffer.from('person@example.com,Person with a name\n');
const PIECE = Buffer.concat(Array.from({ length: 6_000 }, () => LINE));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory of buffers after garbage collection, without chunks that were already sent. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

let app: TestApp;
let admin: SignedIn;
let port: number;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
  // Streams in both directions need a real socket.
  await app.api.listen(0, '127.0.0.1');
  port = (app.api.getHttpServer().address() as AddressInfo).port;
});

afterAll(() => app.stop());

function openUpload(headers: Record<string, string | number>): ClientRequest {
  const authorization = `Bearer ${admin.accessToken}`;
  const upload = request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/users/imports',
    headers: { authorization, 'content-type': 'text/csv', ...headers },
  });
  // Ignore errors: the server closes the connection during the upload.
  upload.on('error', () => undefined);
  return upload;
}

async function answerTo(upload: ClientRequest) {
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  const body = JSON.parse(await text(response)) as { code?: string };
  return { status: response.statusCode, code: body.code, connection: response.headers.connection };
}

/** Sends until the response arrives or everything is sent. Returns the number of bytes sent. */
async function sendUntilAnswered(upload: ClientRequest, bytes: number): Promise<number> {
  const answered = new AbortController();
  upload.once('response', () => answered.abort());
  upload.once('close', () => answered.abort());
  upload.write('email,displayName\n');
  let sent = 0;
  while (sent < bytes && !answered.signal.aborted) {
    sent += PIECE.length;
    if (!upload.write(PIECE)) await once(upload, 'drain', answered).catch(() => undefined);
  }
  return sent;
}

const untilNoFileIsLeft = () => until(async () => (await countFiles(app)) === 0, 'the file to be removed');

describe('an upload that is too large', () => {
  it('is rejected by its Content-Length, before the body is read', async () => {
    const upload = openUpload({ 'content-length': 200 * MIB });
    upload.flushHeaders();

    const answer = await answerTo(upload);

    expect(answer).toEqual({ status: 413, code: 'PAYLOAD_TOO_LARGE', connection: 'close' });
    expect(await countFiles(app)).toBe(0);
    upload.destroy();
  });

  it('is rejected at 50 MiB without a Content-Length, and leaves no rows or memory behind', async () => {
    const upload = openUpload({ 'transfer-encoding': 'chunked' });
    const answered = answerTo(upload);
    const before = heldBytes();

    const sent = await sendUntilAnswered(upload, 200 * MIB);
    const after = heldBytes();

    expect(await answered).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
    expect(sent).toBeGreaterThan(50 * MIB);
    expect(sent).toBeLessThan(80 * MIB);
    expect(after - before).toBeLessThan(40 * MIB);
    await untilNoFileIsLeft();
    upload.destroy();
  });

  it('is accepted at exactly the size limit', async () => {
    const bytes = 50 * MIB;
    const upload = openUpload({ 'content-length': bytes });
    const answered = answerTo(upload);
    const header = 'email,displayName\n';
    upload.write(header);
    let left = bytes - header.length;
    while (left > 0) {
      const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
      left -= piece.length;
      if (!upload.write(piece)) await once(upload, 'drain');
    }
    upload.end();

    expect(await answered).toMatchObject({ status: 202 });

    const [file] = await app.db.query(
      'SELECT size, (SELECT sum(length(data)) FROM job_file_chunks) AS stored FROM job_files',
    );
    expect(file).toEqual({ size: bytes, stored: String(bytes) });
    await app.db.query('DELETE FROM jobs');
    await app.db.query('DELETE FROM job_files');
  });
});

describe('an aborted upload', () => {
  it('leaves nothing behind', async () => {
    const upload = openUpload({ 'content-length': 10 * MIB });
    upload.write('email,displayName\n');
    upload.write(PIECE);
    upload.write(PIECE);
    await until(async () => (await countFiles(app)) === 1, 'the file to be begun');

    upload.destroy();

    await untilNoFileIsLeft();
    expect(await app.db.query('SELECT 1 FROM jobs')).toEqual([]);
  });
});

describe('an upload that is rejected early', () => {
  it('gets its response while it is still being sent', async () => {
    const upload = openUpload({ 'transfer-encoding': 'chunked' });
    upload.write('not,a,header\n');
    upload.write(PIECE);

    const answer = await answerTo(upload);

    expect(answer).toEqual({ status: 422, code: 'IMPORT_FILE_INVALID', connection: 'close' });
    expect(await countFiles(app)).toBe(0);
    upload.destroy();
  });
});
