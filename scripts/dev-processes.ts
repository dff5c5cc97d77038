import { type ChildProcess, spawn } from 'node:child_process';
import { showLines } from './dev-log.ts';
import { becomesTrue, SetupError } from './processes.ts';

/** Kills the process when its channel to bin/dev breaks, so that nothing keeps running after bin/dev was killed. */
const EXIT_WITH_PARENT = `data:text/javascript,${encodeURIComponent(
  `process.on('disconnect', () => process.kill(process.pid, 'SIGKILL')); process.channel?.unref();`,
)}`;

/**
 * The programs that bin/dev runs. Each has its own process group, so that Ctrl-C reaches only bin/dev, which stops
 * them in order.
 */
export class DevProcesses {
  private readonly running = new Set<ChildProcess>();
  private readonly env: NodeJS.ProcessEnv;
  private isClosed = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Runs a program and waits for its exit. */
  async run(name: string, args: string[]): Promise<void> {
    const child = this.launch(name, args, 'ignore', {});
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new SetupError(`bin/dev stops: ${name} failed. See the error above.`);
  }

  /** Starts a long-running program. `onExit` is called when it exits without a request from bin/dev. */
  start(
    name: string,
    file: string,
    extraEnv: NodeJS.ProcessEnv,
    onExit: (how: string) => void,
  ): ChildProcess {
    const args = ['--enable-source-maps', '--import', EXIT_WITH_PARENT, file];
    const child = this.launch(name, args, 'ipc', extraEnv);
    child.once('close', (code, signal) => {
      if (!child.killed) onExit(signal ?? `exit code ${code}`);
    });
    return child;
  }

  async stop(child: ChildProcess, timeoutMs: number): Promise<void> {
    child.kill('SIGTERM');
    if (await becomesTrue(() => hasEnded(child), timeoutMs)) return;
    killGroup(child);
    await becomesTrue(() => hasEnded(child), 2_000);
  }

  /** Nothing can be started afterwards. */
  async stopAll(timeoutMs: number): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.running].map((child) => this.stop(child, timeoutMs)));
  }

  killAll(): void {
    for (const child of this.running) killGroup(child);
  }

  private launch(
    name: string,
    args: string[],
    channel: 'ipc' | 'ignore',
    extraEnv: NodeJS.ProcessEnv,
  ): ChildProcess {
    if (this.isClosed) throw new SetupError('bin/dev is stopping.');
    const child = spawn(process.execPath, args, {
      detached: true,
      env: { ...this.env, ...extraEnv },
      stdio: ['ignore', 'pipe', 'pipe', channel],
    });
    this.running.add(child);
    child.once('exit', () => this.running.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) showLines(name, stream);
    }
    return child;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has already exited.
  }
}
