import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';

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
});
