/** Starts programs on a chosen CPU, and reads what they use. CPU figures need Linux. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** The measured server has a CPU for itself. The load, the databases and Redis share another one. */
const [SERVER_CPU = '', OTHER_CPU = ''] = allowedCpus();
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export const canPin = OTHER_CPU !== '' && spawnSync('taskset', ['--version']).status === 0;

/** The numbers of the CPUs that this process may use. A container may have others than 0 and 1. */
function allowedCpus(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const ranges = /Cpus_allowed_list:\s*(\S+)/.exec(status)?.[1]?.split(',') ?? [];
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
  });
}

/** Moves this process, and the programs it starts later, off the CPU of the servers. */
export function leaveServerCpu(): void {
  if (canPin) spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', OTHER_CPU, String(process.pid)]);
}

export interface RunningProgram {
  pid: number;
  /** From the start of the process until it was ready, in milliseconds. */
  startMs: number;
  stop(): Promise<void>;
}

/** Starts a Node program on the CPU of the servers, and waits until `isReady`. */
export async function startProgram(
  args: string[],
  env: Record<string, string>,
  isReady: (output: string) => boolean | Promise<boolean>,
): Promise<RunningProgram> {
  const start = performance.now();
  const command = [process.execPath, ...args];
  const [program = '', ...rest] = canPin ? ['taskset', '--cpu-list', SERVER_CPU, ...command] : command;
  const child = spawn(program, rest, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // The end of the output is enough for an error message.
  const collect = (chunk: Buffer) => (output = (output + String(chunk)).slice(-20_000));
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  while (!(await isReady(output))) {
    if (child.exitCode !== null) throw new Error(`${args[0]} exited:\n${output}`);
    if (performance.now() - start > START_TIMEOUT_MS) {
      child.kill('SIGKILL');
      throw new Error(`${args[0]} did not become ready:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { pid: child.pid!, startMs: performance.now() - start, stop: () => stopProgram(child) };
}

async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(deadline);
}

/** The CPU time of the process with its threads, in microseconds. Threads that have ended don't count. Linux only. */
export function cpuMicros(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    // The first number is the time on the CPU in nanoseconds: Documentation/scheduler/sched-stats.rst of Linux.
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(nanoseconds) / 1_000;
  }, 0);
}

/** `now` and `peak` of the resident memory, in bytes. See proc(5), /proc/pid/status. */
export function memoryBytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1_024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}
