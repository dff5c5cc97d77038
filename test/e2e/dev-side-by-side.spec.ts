import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['scripts', 'src', 'migrations', 'clients', 'test/support', 'package.json', '.swcrc'];
const LIMIT_MS = 120_000;

/** A script of a clone, with its output. */
class Script {
  output = '';

  constructor(
    readonly child: ChildProcess,
    readonly exited = once(child, 'close').then(([code]) => code as number | null),
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => (this.output += String(chunk)));
  }

  prints(text: string): Promise<boolean> {
    const hasText = () => {
      if (this.child.exitCode !== null) throw new Error(`The script exited: ${this.output}`);
      return this.output.includes(text);
    };
    return until(hasText, `the output of ${text}`, LIMIT_MS);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    await this.exited;
  }
}

/** A copy of this repository with a database. */
class Clone {
  readonly dir = mkdtempSync(join(tmpdir(), 'clone-'));

  constructor(private readonly database: TestDatabase) {
    for (const path of COPIED) cpSync(join(ROOT, path), join(this.dir, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.dir, 'node_modules'));
  }

  run(script: string, ...args: string[]): Script {
    const child = spawn(process.execPath, [join('scripts', script), ...args], {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, DATABASE_URL: this.database.url, FAKE_PROVIDERS: 'off' },
    });
    return new Script(child);
  }

  async remove(): Promise<void> {
    rmSync(this.dir, { recursive: true, force: true });
    await this.database.drop();
  }
}

let clones: Clone[];
let devs: Script[];

beforeAll(async () => {
  clones = [new Clone(await createTestDatabase()), new Clone(await createTestDatabase())];
  devs = clones.map((clone) => clone.run('dev.ts'));
  await Promise.all(devs.map((dev) => dev.prints('Ctrl-C stops everything')));
}, LIMIT_MS);

afterAll(async () => {
  await Promise.all(devs.map((dev) => dev.stop()));
  await Promise.all(clones.map((clone) => clone.remove()));
}, LIMIT_MS);

const urlOf = ({ output }: Script): string => /│ API +(\S+)/.exec(output)?.[1] ?? '';
const tracesOf = ({ output }: Script): string => /│ Traces +(\S+=)/.exec(output)?.[1] ?? '';
const receiverOf = ({ output }: Script): string => /allowed to (\S+),/.exec(output)?.[1] ?? '';

describe('bin/dev in two clones', () => {
  it(
    'chooses other ports for each, and prints them',
    async () => {
      const answers = await Promise.all(devs.map((dev) => fetch(`${urlOf(dev)}/health/ready`)));

      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(new Set(devs.map(urlOf)).size).toBe(2);
      expect(new Set(devs.map(receiverOf)).size).toBe(2);
    },
    LIMIT_MS,
  );

  it(
    'is found by the bin/demo of its clone',
    async () => {
      const demos = clones.map((clone) => clone.run('demo/main.ts'));
      await Promise.all(demos.map((demo) => demo.prints('Demo on ')));
      await Promise.all(demos.map((demo) => demo.stop()));

      const found = demos.map(({ output }) => /Demo on (\S+),/.exec(output)?.[1]);
      expect(found).toEqual(devs.map(urlOf));
    },
    LIMIT_MS,
  );

  it(
    'shows the traces of its clone',
    async () => {
      const id = 'seen-by-one-viewer';
      await fetch(`${urlOf(devs[0]!)}/`, { headers: { 'x-correlation-id': id } });

      const page = await until(async () => {
        const answer = await fetch(tracesOf(devs[0]!) + id);
        return answer.redirected && answer.text();
      }, 'the trace');

      expect(page).toContain('<h1>GET /</h1>');
      expect(await (await fetch(tracesOf(devs[1]!) + id)).text()).toContain('No trace has the id');
    },
    LIMIT_MS,
  );

  it(
    'runs once in a clone',
    async () => {
      const second = clones[0]!.run('dev.ts');

      expect(await second.exited).toBe(1);
      expect(second.output.trim()).toBe(
        `bin/dev already runs in this clone at ${urlOf(devs[0]!)} (process ${devs[0]!.child.pid}). Stop it first. A second clone may run its own.`,
      );
    },
    LIMIT_MS,
  );

  it(
    'applies a migration again that was undone, at the next change, and names it',
    async () => {
      const [clone] = clones;
      const undo = clone!.run('in-development.ts', 'migrate', 'undo');
      expect(await undo.exited).toBe(0);
      const [, name = ''] = /undid (\w+)\./.exec(undo.output) ?? [];
      const pending = await (await fetch(`${urlOf(devs[0]!)}/health/ready`)).json();
      devs[0]!.output = `${devs[0]!.output.split('└')[0]}`;

      appendFileSync(join(clone!.dir, 'src/main.ts'), '\n');

      await devs[0]!.prints(`migrate: applied ${name}`);
      expect(pending).toMatchObject({ code: 'MIGRATIONS_PENDING', pendingMigrations: [name] });
    },
    LIMIT_MS,
  );

  it(
    'can be started again after it was stopped',
    async () => {
      const [clone] = clones;
      await devs[0]!.stop();

      expect(existsSync(join(clone!.dir, '.local/dev.json'))).toBe(false);
      devs[0] = clone!.run('dev.ts');
      await devs[0].prints('Ctrl-C stops everything');
    },
    LIMIT_MS,
  );
});
