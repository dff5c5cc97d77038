import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { CREDENTIALS } from '../support/s3/s3rver.ts';
import { declare } from '../support/uploads.ts';

/** The time limits of src/files/storage/s3-storage.ts, with retries. */
const LIMIT_MS = 30_000;

/** How the server responds to the API. */
const BEHAVIORS: Record<string, (server: Server) => void> = {
  'is silent': (server) => server.on('request', () => undefined),
  'stops after the headers': (server) =>
    server.on('request', (_request, response) => response.writeHead(200).flushHeaders()),
  'stops in the middle of a file': (server) =>
    server.on('request', ({ method }, response) => {
      if (method === 'GET') response.writeHead(200, { 'content-length': '1000000' }).write('x');
      else response.end();
    }),
};

describe.each(Object.keys(BEHAVIORS))('a file storage that %s', (behavior) => {
  let server: Server;
  let app: TestApp;

  beforeAll(async () => {
    server = createServer();
    BEHAVIORS[behavior]!(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    app = await TestApp.start({
      settings: {
        FILES_STORAGE: 's3',
        FILES_S3_ENDPOINT: `http://127.0.0.1:${port}`,
        FILES_S3_BUCKET: 'files-test',
        FILES_S3_ACCESS_KEY_ID: CREDENTIALS,
        FILES_S3_SECRET_ACCESS_KEY: CREDENTIALS,
        FILES_S3_PATH_STYLE: 'true',
      },
    });
  });

  afterAll(async () => {
    await app.stop();
    server.closeAllConnections();
    server.close();
  });

  it(
    'gives 503 with Retry-After, within a limit',
    async () => {
      const user = await signedIn(app);
      const { file } = await declare(user);

      const startedAt = performance.now();
      const response = await user.post(`/v1/files/${file.id}/complete`);

      expect(response).toMatchObject({ status: 503, body: { code: 'FILE_STORAGE_UNAVAILABLE' } });
      expect(response.headers['retry-after']).toMatch(/^\d+$/);
      expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    },
    LIMIT_MS + 10_000,
  );
});
