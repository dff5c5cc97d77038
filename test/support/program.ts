import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/processes.ts';
import { rememberProcess } from './test-run.ts';
import { until } from './until.ts';

const PROJECT = join(import.meta.dirname, '../..');
/** Not the folder of bin/dev: a worker removes files that its database doesn't know. */
const FILES_DIR = join(tmpdir(), 'test-files');

/** A start takes two seconds. Several start at the same time, on machines that do other work. */
const START_TIMEOUT_MS = 60_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A program as in production: built, in a separate process, with only the given environment. */
export class Program {
  /** stdout and stderr. */
  output = '';
  readonly exited: Promise<Exit>;

  private constructor(
    readonly process: ChildProcess,
    /** The URL of the API, or of the worker's health checks. */
    readonly url: string,
    readonly metricsUrl: string,
  ) {
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (chunk) => (this.output += String(chunk)));
    }
    this.exited = once(process, 'close').then(([code, signal]) => ({ code, signal }));
  }

  static async start(
    name: 'main' | 'worker' | 'migrate' | 'seed' | 'admin',
    env: Record<string, string>,
    args: string[] = [],
    /** The folder of a compiled project. */
    folder = PROJECT,
  ): Promise<Program> {
    const port = env['PORT'] ?? String(await freePort());
    let metricsPort = env['METRICS_PORT'] ?? port;
    while (metricsPort === port) metricsPort = String(await freePort());
    const ports = { PORT: port, METRICS_PORT: metricsPort };
    const child = spawn(process.execPath, [join(folder, 'dist/src', `${name}.js`), ...args], {
      env: { PATH: process.env.PATH, HOST: '127.0.0.1', FILES_DIR, ...env, ...ports },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid) rememberProcess(`${name}.js`, child.pid);
    const metricsUrl = `http://127.0.0.1:${metricsPort}`;
    return new Program(child, name === 'worker' ? metricsUrl : `http://127.0.0.1:${port}`, metricsUrl);
  }

  /** Waits until the program logs that it has started. The error contains the output. */
  async ready(): Promise<this> {
    const isReady = () => /API started|Worker started/.test(this.output);
    await until(
      () => {
        if (this.process.exitCode !== null) throw new Error(`The program exited: ${this.output}`);
        return isReady();
      },
      'the program to start',
      START_TIMEOUT_MS,
    );
    return this;
  }

  /** Waits until the health check passes, as a load balancer does. */
  async untilReady(): Promise<void> {
    const isReady = async () => (await fetch(`${this.url}/health/ready`)).ok;
    await until(isReady, 'the health check to pass', START_TIMEOUT_MS);
  }

  /** The parsed log lines. */
  lines(): (Record<string, unknown> & { msg: string; level: string })[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.process.kill(signal);
    return this.exited;
  }
}
