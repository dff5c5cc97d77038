import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeEmbeddedPostgres } from '../../scripts/embedded-postgres.ts';
import { commandOf, endProcess, isAlive } from '../../scripts/processes.ts';

/** Each run has a folder for its servers' data, named after its process. Several runs can be active in parallel. */
const RUNS_DIR = join(import.meta.dirname, '../../.local/test-runs');
export const runDir = join(RUNS_DIR, String(process.pid));

export function countResults(counts: { passed: number; failed: number; skipped: number }): void {
  const file = process.env.TEST_SUMMARY_FILE;
  if (file) appendFileSync(file, `${counts.passed} ${counts.failed} ${counts.skipped}\n`);
}

/** Stops the servers and removes the data of runs that were killed. */
export async function removeDeadRuns(): Promise<void> {
  if (!existsSync(RUNS_DIR)) return;
  for (const name of readdirSync(RUNS_DIR)) {
    const pid = Number(name);
    if (isAlive(pid) && commandOf(pid).includes('jest')) continue;
    await removeRun(join(RUNS_DIR, name));
  }
}

export async function removeRun(dir: string): Promise<void> {
  const names = existsSync(dir) ? readdirSync(dir) : [];
  for (const name of names) {
    if (name.startsWith('postgres-')) await removeEmbeddedPostgres(join(dir, name));
    const [, program, pid] = /^process-(.+)-(\d+)$/.exec(name) ?? [];
    if (program) await endIfRunning(program, Number(pid));
  }
  rmSync(dir, { recursive: true, force: true });
}

/** A PostgreSQL server in this folder ends with the run, even if the test process was killed. */
export function newPostgresDir(): string {
  return mkdtempSync(join(currentRunDir(), 'postgres-'));
}

export function newDataDir(): string {
  return mkdtempSync(join(currentRunDir(), 'data-'));
}

/** The process ends with the run. `program` is a part of its command line. */
export function rememberProcess(program: string, pid: number): void {
  writeFileSync(join(currentRunDir(), `process-${program}-${pid}`), '');
}

function currentRunDir(): string {
  const dir = process.env.TEST_RUN_DIR;
  if (!dir) throw new Error('TEST_RUN_DIR is not set. Run the tests with bin/test.');
  return dir;
}

async function endIfRunning(program: string, pid: number): Promise<void> {
  if (commandOf(pid).includes(program)) await endProcess(pid, ['SIGTERM', 'SIGKILL'], 5_000);
}
