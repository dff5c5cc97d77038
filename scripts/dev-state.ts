import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { commandOf, SetupError } from './processes.ts';

/** The data that a running bin/dev shares with the other programs of this clone. */
export interface DevState {
  /** The URL of the API. */
  url: string;
  /** The settings that bin/dev has chosen, such as ports and the URL of the database. */
  settings: Record<string, string>;
}

const lockIn = (root: string): string => join(root, '.local/dev.lock');
const stateIn = (root: string): string => join(root, '.local/dev.json');

/** Reserves the clone for this process until it exits. Throws if another bin/dev runs in it. */
export function claimClone(root: string): void {
  const lock = lockIn(root);
  mkdirSync(join(root, '.local'), { recursive: true });
  for (;;) {
    try {
      // Creating a symbolic link is atomic, and it holds the process id.
      symlinkSync(String(process.pid), lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = runningPid(root);
      if (pid !== undefined) throw new SetupError(alreadyRuns(root, pid));
      rmSync(lock, { force: true });
    }
  }
  process.on('exit', () => {
    rmSync(stateIn(root), { force: true });
    rmSync(lock, { force: true });
  });
}

function alreadyRuns(root: string, pid: number): string {
  const state = readDevState(root);
  const where = state ? ` at ${state.url}` : '';
  return `bin/dev already runs in this clone${where} (process ${pid}). Stop it first. A second clone may run its own.`;
}

/** The file is private, because the URL of the database has a password. */
export function saveDevState(root: string, state: DevState): void {
  const draft = `${stateIn(root)}.new`;
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
  renameSync(draft, stateIn(root));
}

/** Undefined if no bin/dev runs in this clone, or if it has not chosen its ports yet. */
export function readDevState(root: string): DevState | undefined {
  if (runningPid(root) === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(stateIn(root), 'utf8')) as DevState;
  } catch {
    return undefined;
  }
}

function runningPid(root: string): number | undefined {
  try {
    const pid = Number(readlinkSync(lockIn(root)));
    return commandOf(pid).includes('dev.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}
