/** The measured servers. All have the same tables, the same 10,000 users and the same key. */
import { hash } from '@node-rs/argon2';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../scripts/processes.ts';
import { startProgram, type RunningProgram } from './processes.ts';
import type { Stores } from './stores.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist/src');
export const USERS = 10_000;
/** `user-0` and so on. */
export const ADMINS = 16;
export const PASSWORD = 'correct horse battery';

/** `bare` is Fastify and pg alone. The others are this project, in production mode, with and without Redis. */
export const serverNames = ['bare', 'redis', 'postgres'] as const;
export type ServerName = (typeof serverNames)[number];

export interface Server extends RunningProgram {
  name: ServerName;
  url: string;
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

export const databaseOf = (name: ServerName): string => `bench_${name}`;

/** Creates the database of a server. Returns the environment for its programs. */
export async function prepareServer(
  name: ServerName,
  stores: Stores,
  database = databaseOf(name),
): Promise<Record<string, string>> {
  const databaseUrl = await stores.createDatabase(database);
  const port = String(await freePort());
  const env = {
    NODE_ENV: 'production',
    PORT: port,
    METRICS_PORT: String(await freePort()),
    HOST: '127.0.0.1',
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    FRONTEND_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: databaseUrl,
    REDIS_URL: name === 'redis' ? stores.redisUrl : '',
    SECRET_KEYS: randomBytes(32).toString('base64'),
    JWT_KEYS: JSON.stringify({ 'active-bench.pem': privateKeyPem }),
    SMTP_URL: 'smtp://127.0.0.1:9',
    FILES_STORAGE: 'local',
    // The largest factor that production allows. It is enough: the requests come from many users and IP addresses.
    RATE_LIMIT_FACTOR: '100',
    TRUST_PROXY: '1',
    SHUTDOWN_DRAIN_SECONDS: '0',
    // As in the Docker image.
    NODE_COMPILE_CACHE: join(ROOT, '.local/bench/compile-cache'),
  };
  runOnce('migrate.js', env);
  await addUsers(databaseUrl);
  return env;
}

/** Starts a server on the database that `prepareServer` has made. */
export async function startServer(
  name: ServerName,
  env: Record<string, string>,
  nodeOptions: string[] = [],
): Promise<Server> {
  const url = env['PUBLIC_URL']!;
  const program = name === 'bare' ? join(import.meta.dirname, 'bare/server.ts') : join(DIST, 'main.js');
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  return { name, url, ...(await startProgram([...nodeOptions, program], env, isReady)) };
}

/** Another instance of the API, on the database of `env` and on other ports. */
export async function startInstance(env: Record<string, string>, givenPort?: number): Promise<Server> {
  const [port, metricsPort] = [givenPort ?? (await freePort()), await freePort()];
  return startServer('redis', {
    ...env,
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
  });
}

function runOnce(program: string, env: Record<string, string>): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(DIST, program)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`${program} failed:\n${stdout}${stderr}`);
}

/** Verified accounts with one password. The first of them are administrators. */
async function addUsers(databaseUrl: string): Promise<void> {
  const passwordHash = await hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  await query(
    databaseUrl,
    `INSERT INTO users (id, email, password_hash, display_name, role, email_verified_at, created_at)
     SELECT gen_random_uuid(), 'user-' || n || '@example.com', $1, 'User ' || n,
       CASE WHEN n < $3::int THEN 'admin' ELSE 'user' END, now(), now() - make_interval(mins => n)
     FROM generate_series(0, $2::int - 1) AS n`,
    [passwordHash, USERS, ADMINS],
  );
  await query(databaseUrl, 'ANALYZE');
}

export async function query(databaseUrl: string, statement: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}
