import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';
import { rememberProcess } from '../support/test-run.ts';

const LOGGER = join(import.meta.dirname, '../../dist/src/platform/logging/logger.js');
/** More lines than fit into a pipe. */
const LINES = 20_000;
/** More than 8 MiB, the most that a process keeps in memory. */
const MANY_LINES = 200_000;
/** These tests start programs. */
const LIMIT_MS = 90_000;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

/** Logs `LINES` lines at a SIGTERM and exits. Writes to stderr when it is ready, and when it exits. */
function startLogging(level: 'info' | 'fatal' = 'info') {
  return run(`import { writeSync } from 'node:fs';
    import { createLogger } from '${LOGGER}';
    process.once('exit', () => writeSync(2, 'exits'));
    const logger = createLogger('info');
    process.once('SIGTERM', () => {
      for (let line = 1; line <= ${LINES}; line++) logger.info({ line }, 'line');
      logger.${level}('last');
      process.exit(3);
    });
    setInterval(() => {}, 1_000);
    logger.info('first');
    writeSync(2, 'ready');`);
}

function run(program: string) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  if (child.pid) rememberProcess('logger.js', child.pid);
  return child;
}

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

  it.each(['info', 'fatal'] as const)(
    'a process exits after its last lines, up to level %s',
    async (level) => {
      const child = startLogging(level);
      await once(child.stderr, 'data');
      child.stdout.destroy();

      child.kill('SIGTERM');

      expect(await once(child, 'exit')).toEqual([3, null]);
    },
    LIMIT_MS,
  );
});

describe('when nothing reads stdout for a while', () => {
  it(
    'a process writes all lines before it exits',
    async () => {
      const child = startLogging();
      await once(child.stderr, 'data');

      child.kill('SIGTERM');
      await once(child.stderr, 'data');
      const output = await text(child.stdout);

      const lines = output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { msg: string; line?: number });
      const numbers = lines.flatMap(({ line }) => line ?? []);
      expect(lines).toHaveLength(LINES + 2);
      expect(numbers.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: LINES }, (_, index) => index + 1),
      );
    },
    LIMIT_MS,
  );

  it(
    'a process exits without its last lines',
    async () => {
      const child = startLogging();
      await once(child.stderr, 'data');

      child.kill('SIGTERM');
      const exit = await once(child, 'exit');
      child.stdout.destroy();

      expect(exit).toEqual([3, null]);
    },
    LIMIT_MS,
  );

  it(
    'a process drops lines that it can not keep, and says how many',
    async () => {
      const child = run(`import { writeSync } from 'node:fs';
        import { createLogger } from '${LOGGER}';
        const logger = createLogger('info');
        for (let line = 1; line <= ${MANY_LINES}; line++) logger.info({ line }, 'line');
        writeSync(2, 'ready');
        setInterval(() => {}, 1_000);`);
      await once(child.stderr, 'data');

      let written = 0;
      const warning = await firstLine(child.stdout, ({ msg }) => {
        if (msg === 'line') written++;
        return msg !== 'line';
      });
      child.kill('SIGKILL');

      expect(warning).toMatchObject({
        level: 'warn',
        msg: 'Log lines were dropped, because nothing read stdout',
        lines: MANY_LINES - written,
      });
      expect(written).toBeLessThan(MANY_LINES);
    },
    LIMIT_MS,
  );
});

interface Line {
  msg: string;
}

/** The first log line that matches. */
async function firstLine(output: Readable, matches: (line: Line) => boolean): Promise<Line> {
  for await (const json of createInterface({ input: output })) {
    const line = JSON.parse(json) as Line;
    if (matches(line)) return line;
  }
  throw new Error('The output ended without the line');
}
