import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { databaseUrl, onServer, startTestPostgres } from './database.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { buildPreviousRelease } from './previous-release.ts';
import { hasRedisServer, NO_REDIS, startRedis } from './redis.ts';
import { removeDeadRuns, removeRun, runDir } from './test-run.ts';

/** Fast settings. A crash may lose the database. */
const THROW_AWAY_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

export default async function globalSetup(): Promise<void> {
  endServersWhenKilled();
  await removeDeadRuns();
  mkdirSync(runDir, { recursive: true });
  process.env.TEST_RUN_DIR = runDir;
  try {
    await providePostgres();
    await provideRedis();
    await prepareTemplate();
    await providePooler();
    providePreviousRelease();
  } catch (error) {
    await removeRun(runDir);
    throw error;
  }
}

function endServersWhenKilled(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void removeRun(runDir).finally(() => process.exit(1)));
  }
}

async function providePostgres(): Promise<void> {
  const given = process.env.DATABASE_URL;
  const server = given ? { url: given } : await startTestPostgres(undefined, THROW_AWAY_SETTINGS);
  process.env.TEST_DATABASE_SERVER_URL = server.url;
  process.env.TEST_DATABASE_PREFIX = `test_${process.pid}_${Date.now().toString(36)}_`;
}

async function provideRedis(): Promise<void> {
  const { REDIS_URL, REQUIRE_REDIS, CI } = process.env;
  if (REDIS_URL) {
    process.env.TEST_REDIS_URL = REDIS_URL;
  } else if (hasRedisServer()) {
    const { url } = await startRedis({ args: ['--databases', '256'] });
    process.env.TEST_REDIS_URL = url;
  } else if (REQUIRE_REDIS === '1' || CI === 'true') {
    throw new Error(NO_REDIS);
  } else {
    console.warn(`\n${NO_REDIS} The tests on Redis fail.\n`);
  }
}

/** For `bin/test --topology pooler`. */
async function providePooler(): Promise<void> {
  if (process.env.TEST_TOPOLOGY !== 'pooler') return;
  const { port } = await startPgBouncer(process.env.TEST_DATABASE_SERVER_URL!);
  process.env.TEST_POOLER_PORT = String(port);
}

/** For `bin/test --topology previous-release`. */
function providePreviousRelease(): void {
  if (process.env.TEST_TOPOLOGY === 'previous-release')
    process.env.TEST_PREVIOUS_RELEASE = buildPreviousRelease();
}

/** Migrated once with the production program, then cloned for each test file. */
async function prepareTemplate(): Promise<void> {
  const template = `${process.env.TEST_DATABASE_PREFIX}template`;
  process.env.TEST_DATABASE_TEMPLATE = template;
  await onServer((client) => client.query(`CREATE DATABASE "${template}"`));
  const url = databaseUrl(template);
  run(['--run', 'build'], {});
  // Without Redis: with Redis, the queue tables would not be created.
  run(['dist/src/migrate.js'], { DATABASE_URL: url, DATABASE_DIRECT_URL: url, REDIS_URL: '' });
}

function run(args: string[], env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, NODE_ENV: 'test', NODE_OPTIONS: '', ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`node ${args.join(' ')} failed:\n${stdout}${stderr}`);
}
