import { Redis } from 'ioredis';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/processes.ts';
import { newDataDir, rememberProcess } from './test-run.ts';

/** Marks a database number as in use by a test file. */
export const CLAIM_KEY = 'test:claimed';
/** Tests that need Redis fail with this text. */
export const NO_REDIS =
  'There is no Redis. Install redis-server, or set REDIS_URL to a server with empty databases.';
const CLAIM_SECONDS = 3600;
const START_TIMEOUT_MS = 10_000;

export interface TestRedis {
  url: string;
  /** Empties and releases the database. Remaining keys fail the run. */
  flush(): Promise<void>;
}

/** An unused database number. Pub/sub channels are shared by all databases. */
export async function createTestRedis(): Promise<TestRedis> {
  const server = process.env.TEST_REDIS_URL;
  if (!server) throw new Error(NO_REDIS);
  const database = await claimDatabase(server);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return { url: url.href, flush: () => withRedis(url.href, async (redis) => void (await redis.flushdb())) };
}

/** Uses only an empty database, because the given server may hold important data. */
async function claimDatabase(server: string): Promise<number> {
  return withRedis(server, async (redis) => {
    const databases = Number((await redis.config('GET', 'databases'))[1]);
    for (let database = 1; database < databases; database += 1) {
      await redis.select(database);
      if (
        (await redis.dbsize()) === 0 &&
        (await redis.set(CLAIM_KEY, process.pid, 'EX', CLAIM_SECONDS, 'NX'))
      )
        return database;
    }
    throw new Error('Every database of this Redis contains keys. Use an empty server.');
  });
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

export interface RedisServer {
  url: string;
  port: number;
  dir: string;
  pid: number;
  /** Stops it cleanly. A restart with the same `port` and `dir` restores the data if `args` enable persistence. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Keeps its connections open but does not respond until `resume`. */
  pause(): void;
  resume(): void;
}

export interface RedisServerOptions {
  port?: number;
  /** Default: a new folder, removed with the run. */
  dir?: string;
  /** More settings, as on the command line: `['--appendonly', 'yes']`. */
  args?: string[];
}

/** A separate Redis on 127.0.0.1, without persistence and eviction unless `args` enable them. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? newDataDir();
  const settings = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...settings, ...(options.args ?? [])],
    { stdio: 'ignore' },
  );
  if (server.pid) rememberProcess('redis-server', server.pid);
  await untilAnswering(server, port);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    pid: server.pid as number,
    stop: () => endServer(server, 'SIGTERM'),
    kill: () => endServer(server, 'SIGKILL'),
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
  };
}

async function untilAnswering(server: ChildProcess, port: number): Promise<void> {
  const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  try {
    const answered = redis.ping().then(() => true);
    const failed = once(server, 'exit').then(() => false);
    const patience = sleep(START_TIMEOUT_MS, false, { ref: false });
    if (await Promise.race([answered, failed, patience])) return;
    server.kill('SIGKILL');
    throw new Error(`redis-server does not start on port ${port}.`);
  } finally {
    redis.disconnect();
  }
}

async function endServer(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  // A suspended process handles no other signal.
  server.kill('SIGCONT');
  server.kill(signal);
  await ended;
}
