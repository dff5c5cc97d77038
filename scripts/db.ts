/**
 * Opens psql on the database of bin/dev, or a small SQL prompt if there is no psql: npm run db
 * One statement: npm run db -- -c 'SELECT count(*) FROM users'
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { inDevelopment } from './dev-environment.ts';
import { runSqlPrompt } from './sql-prompt.ts';

await inDevelopment(() => {
  const url = String(process.env.DATABASE_URL);
  const args = process.argv.slice(2);
  return hasPsql() ? runPsql(url, args) : runSqlPrompt(url, args);
});

function hasPsql(): boolean {
  return spawnSync('psql', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The password is in the environment, because all users of the machine can read the arguments of a process. */
async function runPsql(databaseUrl: string, args: string[]): Promise<number> {
  const url = new URL(databaseUrl);
  const password = decodeURIComponent(url.password);
  url.password = '';
  const psql = spawn('psql', [...args, url.href], {
    stdio: 'inherit',
    env: { ...process.env, ...(password && { PGPASSWORD: password }) },
  });
  // psql cancels its statement.
  process.on('SIGINT', () => undefined);
  const [code] = (await once(psql, 'close')) as [number | null];
  return code ?? 1;
}
