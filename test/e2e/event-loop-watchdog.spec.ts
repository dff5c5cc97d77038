import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** SIGUSR2 blocks the event loop: once for a second, the second time forever. */
const BLOCK = `
  let count = 0;
  process.on('SIGUSR2', () => {
    count += 1;
    const end = count > 1 ? Infinity : Date.now() + 1000;
    while (Date.now() < end);
    console.log('unblocked');
  });`;

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

const start = async (name: 'main' | 'worker', settings: Record<string, string>) => {
  const { DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR } = app.config;
  const program = await Program.start(name, {
    NODE_ENV: 'test',
    DATABASE_URL,
    JWT_KEYS_DIR,
    MAIL_DIR,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(BLOCK)}`,
    ...settings,
  });
  return program.ready();
};

describe.each(['main', 'worker'] as const)('%s.js', (name) => {
  it('ends itself when its event loop stays blocked, and not before', async () => {
    const program = await start(name, { EVENT_LOOP_BLOCKED_SECONDS: '5' });

    program.process.kill('SIGUSR2');
    await until(() => program.output.includes('unblocked'), 'the short block to end');
    program.process.kill('SIGUSR2');

    expect(await program.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(program.lines().at(-1)).toMatchObject({
      level: 'fatal',
      source: 'EventLoopWatchdog',
      msg: 'Event loop blocked: ending the process',
    });
  }, 60_000);
});

it('a process without the setting stays blocked, for example at a breakpoint', async () => {
  const program = await start('main', { EVENT_LOOP_BLOCKED_SECONDS: '0' });

  program.process.kill('SIGUSR2');
  program.process.kill('SIGUSR2');
  await sleep(3_000);

  expect(program.process.signalCode).toBeNull();
  expect(await program.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
}, 60_000);
