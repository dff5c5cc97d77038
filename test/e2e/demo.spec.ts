import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../scripts/processes.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';

const DEMO = join(import.meta.dirname, '../../scripts/demo/main.ts');
const LIMIT_MS = 120_000;

const run = promisify(execFile);

describe('the demo', () => {
  let app: TestApp;
  let env: Record<string, string>;

  beforeAll(async () => {
    const receiverPort = String(await freePort());
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const settings = { PUBLIC_URL: publicUrl, WEBHOOK_ALLOW_PRIVATE: `127.0.0.1:${receiverPort}` };
    app = await TestApp.start({ worker: true, settings });
    await app.api.listen(port, '127.0.0.1');
    const { user, password } = await createUser(app, { email: 'admin@example.com', role: 'admin' });
    env = {
      BASE_URL: publicUrl,
      MAIL_DIR: app.config.MAIL_DIR,
      ADMIN_EMAIL: user.email,
      ADMIN_PASSWORD: password,
      WEBHOOK_RECEIVER_PORT: receiverPort,
    };
  });
  afterAll(() => app.stop());

  it(
    'completes all journeys and verifies the signatures of its webhooks',
    async () => {
      const { stdout } = await run(process.execPath, [DEMO], { env, timeout: LIMIT_MS });

      expect(stdout).toMatch(/All \d+ steps passed/);
      expect(stdout).toMatch(/Set it as the avatar .*“Zoë \(1\)\.png”/);
      expect(stdout).toMatch(/Receive a ping .*signature verified/);
      expect(stdout).toMatch(/Receive the notification .*“Job completed”/);
      expect(stdout).toMatch(/Receive it with GraphQL .*“Job completed”/);
      expect(stdout).toMatch(/Repeat the request .*the stored response, and still one job/);
      expect(stdout).toMatch(/Receive the webhook .*a modified body is rejected/);
    },
    LIMIT_MS,
  );

  it(
    'names the address to allow if the server sends no webhooks to this machine',
    async () => {
      const { stdout } = await run(process.execPath, [DEMO], {
        env: { ...env, WEBHOOK_RECEIVER_PORT: String(await freePort()) },
        timeout: LIMIT_MS,
      });

      expect(stdout).toMatch(
        /skipped: the server may not send to 127\.0\.0\.1:\d+ \(WEBHOOK_ALLOW_PRIVATE\)/,
      );
    },
    LIMIT_MS,
  );
});
