import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A problem that the user can fix: printed as one line, without a stack. */
export class SetupError extends Error {}

/** A zombie counts as exited: in a container without an init process it stays forever. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return commandOf(pid) !== '';
}

/** The command line of a process, to identify our own processes, because ids are reused. Empty if it has exited. */
export function commandOf(pid: number): string {
  // Slim images have no `ps`. macOS has no /proc.
  if (existsSync('/proc/self/cmdline')) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  }
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
}

/** Sends the signals one after the other until the process has exited. Waits the same time after each. */
export async function endProcess(pid: number, signals: NodeJS.Signals[], timeoutMs: number): Promise<void> {
  for (const signal of signals) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    if (await becomesTrue(() => !isAlive(pid), timeoutMs)) return;
  }
}

export async function becomesTrue(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await sleep(25);
  }
}

/** Removes libpq's settings (PGSSLMODE, PGOPTIONS, …), which would also apply to the embedded server. */
export function removePostgresSettings(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) if (/^PG[A-Z]+$/.test(name)) delete env[name];
}

export function isPortFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // Other errors, such as an unknown host, are reported by the server itself.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Below the ports of outgoing connections, because one of these could take the port before its server listens. */
const FREE_PORTS = { first: 12_000, last: 32_000 };

/** A random port, so that programs that start at the same time get different ones. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(FREE_PORTS.first, FREE_PORTS.last);
    if (await isPortFree(port, host)) return port;
  }
}
