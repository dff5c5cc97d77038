import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { UsageError } from '../usage-error.ts';

/** The major version of an installed program of PostgreSQL. Undefined if there is none. */
export function toolVersion(name: 'pg_dump' | 'pg_restore'): number | undefined {
  const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
  const [, major] = /\(PostgreSQL\) (\d+)/.exec(stdout ?? '') ?? [];
  return status === 0 && major ? Number(major) : undefined;
}

/** The password is in the environment, because all users of the machine can read the arguments of a process. */
export async function runTool(name: 'pg_dump' | 'pg_restore', url: string, args: string[]): Promise<void> {
  const target = new URL(url);
  const password = decodeURIComponent(target.password);
  target.password = '';
  const tool = spawn(name, [...args, `--dbname=${target.href}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(password && { PGPASSWORD: password }) },
  });
  const [code] = (await once(tool, 'close')) as [number | null];
  if (code !== 0) throw new UsageError(`${name} failed (exit code ${code}). See its error above.`);
}
