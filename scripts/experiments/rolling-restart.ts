/**
 * Replaces three API processes behind Caddy, one after the other, while requests arrive at a constant rate. Prints how many
 * requests failed, for docs/guides/run-with-docker.md. Needs `caddy` and `redis-server`, and `npm run build` before it:
 * `node scripts/experiments/rolling-restart.ts [requests per second] [replacements]`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { startProgram, type RunningProgram } from '../../bench/processes.ts';
import { prepareServer } from '../../bench/servers.ts';
import { Stores } from '../../bench/stores.ts';
import { signInUser } from '../../bench/works.ts';
import { freePort } from '../processes.ts';

const ROOT = join(import.meta.dirname, '../..');
const DIR = join(ROOT, '.local/rolling-restart');
const PER_SECOND = Number(process.argv[2] ?? 500);
const REPLACEMENTS = Number(process.argv[3] ?? 6);
const INSTANCES = 3;
const USERS = 40;
const CONNECTIONS = 40;
/** Shorter than in production, but longer than a health check of a load balancer. */
const DRAIN_SECONDS = 3;
const TICK_MS = 10;

interface Instance {
  port: number;
  running: RunningProgram;
}

/** Rows of the result: `200 GET`, `502 PATCH`, or the error of the connection. */
const outcomes = new Map<string, number>();
let isLoadOver = false;
let proxy: ChildProcess | undefined;

const stores = await Stores.start();
rmSync(DIR, { recursive: true, force: true });
mkdirSync(DIR, { recursive: true });
try {
  const env = { ...(await prepareServer('redis', stores)), SHUTDOWN_DRAIN_SECONDS: String(DRAIN_SECONDS) };
  const instances: Instance[] = [];
  while (instances.length < INSTANCES) instances.push(await startInstance(env, await freePort()));
  const url = await startProxy(instances.map(({ port }) => port));
  const tokens = await Promise.all(
    Array.from({ length: USERS }, (_, n) => signInUser(url, n).then(({ accessToken }) => accessToken)),
  );
  const load = sendRequests(url, tokens);
  for (let count = 0; count < REPLACEMENTS; count += 1) {
    const instance = instances[count % INSTANCES]!;
    await instance.running.stop();
    instance.running = (await startInstance(env, instance.port)).running;
    await sleep(1_000);
  }
  isLoadOver = true;
  await load;
  for (const { running } of instances) await running.stop();
  console.log(`${PER_SECOND} requests per second, ${REPLACEMENTS} replacements`);
  console.table(Object.fromEntries(outcomes));
} finally {
  proxy?.kill('SIGTERM');
  await stores.stop();
}

async function startInstance(env: Record<string, string>, port: number): Promise<Instance> {
  const metricsPort = String(await freePort());
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const running = await startProgram(
    [join(ROOT, 'dist/src/main.js')],
    { ...env, PORT: String(port), METRICS_PORT: metricsPort },
    isReady,
  );
  return { port, running };
}

/** Caddy with the configuration of production, except for names and TLS. */
async function startProxy(ports: number[]): Promise<string> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const production = readFileSync(join(ROOT, 'docker/production/Caddyfile'), 'utf8');
  const file = join(DIR, 'Caddyfile');
  const upstreams = ports.map((port) => `127.0.0.1:${port}`).join(' ');
  const changed = production
    .replace('{$SITE_ADDRESS}', `{\n\tadmin off\n}\n${url}`)
    .replace('tls {$TLS}', '')
    .replace(/(?<=reverse_proxy ).*(?= \{)/, upstreams);
  writeFileSync(file, changed);
  proxy = spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    stdio: ['ignore', 'ignore', openSync(join(DIR, 'caddy.log'), 'w')],
  });
  while (!(await fetch(`${url}/health/ready`).catch(() => undefined))?.ok) {
    if (proxy.exitCode !== null) throw new Error(`Caddy does not start: see ${DIR}/caddy.log`);
    await sleep(50);
  }
  return url;
}

/** Sends at a constant rate, however long the responses take. */
async function sendRequests(url: string, tokens: string[]): Promise<void> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const running = new Set<Promise<void>>();
  const start = performance.now();
  let sent = 0;
  while (!isLoadOver) {
    for (const due = ((performance.now() - start) * PER_SECOND) / 1_000; sent < due; sent += 1) {
      const request = sendOne(pool, tokens[sent % USERS]!, sent).finally(() => running.delete(request));
      running.add(request);
    }
    await sleep(TICK_MS);
  }
  await Promise.all(running);
  await pool.close();
}

/** One request of five changes a row. */
async function sendOne(pool: Pool, token: string, number: number): Promise<void> {
  const method = Math.floor(number / USERS) % 5 === 0 ? 'PATCH' : 'GET';
  const isChange = method === 'PATCH';
  const outcome = await pool
    .request({
      method,
      path: '/v1/users/me',
      headers: {
        authorization: `Bearer ${token}`,
        ...(isChange && { 'content-type': 'application/json' }),
      },
      body: isChange ? JSON.stringify({ displayName: `Name ${number}` }) : null,
    })
    .then(
      async ({ statusCode, body }) => {
        await body.dump();
        return String(statusCode);
      },
      (error: Error) => error.message,
    );
  const row = `${outcome} ${method}`;
  outcomes.set(row, (outcomes.get(row) ?? 0) + 1);
}
