/**
 * Opens psql on the database of bin/dev, or a small SQL prompt if there is no psql: npm run db
 * One statement: npm run db -- -c 'SELECT count(*) FROM users'
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { inDevelopment } from './dev-environment.ts';
import { SetupError } from './processes.ts';
import { runSqlPrompt } from './sql-prompt.ts';

await inDevelopment(async () => {
  const url = String(process.env.DATABASE_URL);
  const args = process.argv.slice(2);
  await checkDatabase(url);
  return hasPsql() ? runPsql(url, args) : runSqlPrompt(url, args);
});

/** A database without tables is not an error: the user may want to inspect it. */
async function checkDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ exists: boolean }>(
      `SELECT to_regclass('public.migrations') IS NOT NULL AS exists`,
    );
    if (!rows[0]?.exists) console.error('The database has no tables yet: bin/dev creates them.');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new SetupError(
      `Postgres at ${new URL(url).host} can't be reached (${message || code}). Start it, or check DATABASE_URL.`,
    );
  } finally {
    await client.end();
  }
}

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
