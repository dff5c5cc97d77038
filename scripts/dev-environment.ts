import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDevState } from './dev-state.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { removePostgresSettings, SetupError } from './processes.ts';

const root = dirname(import.meta.dirname);

/**
 * Runs `work` with the settings and the database of bin/dev, in `process.env`. If bin/dev doesn't run, its embedded
 * database is started while `work` runs.
 */
export async function inDevelopment(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await withSettings(work);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function withSettings(work: () => Promise<number>): Promise<number> {
  process.chdir(root);
  const { env } = process;
  if (existsSync('.env')) process.loadEnvFile('.env');
  if (env.NODE_ENV === 'production') {
    throw new SetupError('This command is for development only, and NODE_ENV is production.');
  }
  env.NODE_ENV = 'development';
  const given = { ...env };
  Object.assign(env, readDevState(root)?.settings, given);
  if (env.DATABASE_URL) return work();
  removePostgresSettings(env);
  const server = await startEmbeddedPostgres({ dir: join(root, '.local/postgres') });
  try {
    env.DATABASE_URL = server.url;
    return await work();
  } finally {
    await server.stop();
  }
}

/** Builds, so that the programs in dist/ are current. */
export function build(): void {
  const { status } = spawnSync(process.execPath, ['--run', 'build'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new SetupError('The build failed. See the error above.');
}
