import { type ChildProcess, spawn } from 'node:child_process';
import { becomesTrue, SetupError } from './processes.ts';
import { showLines } from './dev-log.ts';

/** Ends the process when the channel to us breaks, so that nothing is left running when we are killed. */
const END_WITH_US = `data:text/javascript,${encodeURIComponent(
  `process.on('disconnect', () => process.kill(process.pid, 'SIGKILL')); process.channel?.unref();`,
)}`;

/**
 * The programs that bin/dev runs. Each gets a process group of its own: a Ctrl-C then reaches only us, and we end
 * them in order, once.
 */
export class DevProcesses {
  private readonly running = new Set<ChildProcess>();
  private readonly env: NodeJS.ProcessEnv;
  private isClosed = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Runs a program to its end. */
  async run(name: string, args: string[]): Promise<void> {
    const child = this.launch(name, args, 'ignore', {});
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new SetupError(`bin/dev stops: ${name} failed, for the reason above.`);
  }

  /** Starts a program that is to go on running; `onExit` hears of its end unless we asked for it. */
  start(
    name: string,
    file: string,
    extraEnv: NodeJS.ProcessEnv,
    onExit: (how: string) => void,
  ): ChildProcess {
    const args = ['--enable-source-maps', '--import', END_WITH_US, file];
    const child = this.launch(name, args, 'ipc', extraEnv);
    child.once('close', (code, signal) => {
      if (!child.killed) onExit(signal ?? `exit code ${code}`);
    });
    return child;
  }

  async end(child: ChildProcess, patienceMs: number): Promise<void> {
    child.kill('SIGTERM');
    if (await becomesTrue(() => hasEnded(child), patienceMs)) return;
    killGroup(child);
    await becomesTrue(() => hasEnded(child), 2_000);
  }

  /** Nothing can be started after this. */
  async endAll(patienceMs: number): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.running].map((child) => this.end(child, patienceMs)));
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
    // It ended by itself in the meantime.
  }
}
