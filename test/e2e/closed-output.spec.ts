import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';

const LOGGER = join(import.meta.dirname, '../../dist/src/platform/logging/logger.js');
/** These tests start programs. */
const LIMIT_MS = 90_000;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('when the reader of stdout is gone', () => {
  it.each(['main', 'worker'] as const)(
    '%s.js works, and stops after a SIGTERM',
    async (name) => {
      const { DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR } = app.config;
      const program = await Program.start(name, {
        NODE_ENV: 'development',
        DATABASE_URL,
        JWT_KEYS_DIR,
        MAIL_DIR,
      });
      await program.ready();
      program.process.stdout?.destroy();
      program.process.stderr?.destroy();

      const live = await fetch(`${program.url}/health/live`);

      expect(live.status).toBe(200);
      expect(await program.end()).toEqual({ code: 0, signal: null });
    },
    LIMIT_MS,
  );

  it('a process ends after its last lines', async () => {
    const lastLines = `import { createLogger } from '${LOGGER}';
      const logger = createLogger('info');
      process.once('SIGTERM', () => ['one', 'two'].forEach((line) => logger.info(line)) ?? process.exit(1));
      setTimeout(() => {}, 60_000);
      logger.info('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', lastLines]);
    await once(child.stdout, 'data');
    child.stdout.destroy();

    child.kill('SIGTERM');

    expect(await once(child, 'exit')).toEqual([1, null]);
  });
});
