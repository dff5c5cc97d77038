/**
 * Replaces three API processes behind Caddy, one after the other, while requests arrive at a constant rate. Prints how many
 * requests failed, for docs/guides/run-with-docker.md. Needs `caddy` and `redis-server`, and `npm run build` before it:
 * `node scripts/experiments/rolling-restart.ts [requests per second] [replacements]`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { prepareServer, type Server, startInstance } from '../../bench/servers.ts';
import { Stores } from '../../bench/stores.ts';
import { signInUser } from '../../bench/works.ts';
import { freePort } from '../processes.ts';
import { sendAtConstantRate } from './constant-rate.ts';

const ROOT = join(import.meta.dirname, '../..');
const DIR = join(ROOT, '.local/rolling-restart');
const PER_SECOND = Number(process.argv[2] ?? 500);
const REPLACEMENTS = Number(process.argv[3] ?? 6);
const INSTANCES = 3;
const USERS = 40;
/** Shorter than in production, but longer than a health check of a load balancer. */
const DRAIN_SECONDS = 3;

let isLoadOver = false;
let proxy: ChildProcess | undefined;

const stores = await Stores.start();
rmSync(DIR, { recursive: true, force: true });
mkdirSync(DIR, { recursive: true });
try {
  const env = {
    ...(await prepareServer('redis', stores)),
    // All instances accept the same tokens.
    JWT_ISSUER: 'https://api.example.com',
    JWT_AUDIENCE: 'https://api.example.com',
    SHUTDOWN_DRAIN_SECONDS: String(DRAIN_SECONDS),
  };
  const instances: Server[] = [];
  while (instances.length < INSTANCES) instances.push(await startInstance(env));
  const url = await startProxy(instances.map((instance) => new URL(instance.url).host));
  const tokens = await Promise.all(
    Array.from({ length: USERS }, (_, n) => signInUser(url, n).then(({ accessToken }) => accessToken)),
  );
  const load = sendAtConstantRate(
    url,
    PER_SECOND,
    (number) => requestOf(tokens[number % USERS]!, number),
    () => isLoadOver,
  );
  for (let count = 0; count < REPLACEMENTS; count += 1) {
    const index = count % INSTANCES;
    const replaced = instances[index]!;
    await replaced.stop();
    instances[index] = await startInstance(env, Number(new URL(replaced.url).port));
    await sleep(1_000);
  }
  isLoadOver = true;
  const outcomes = await load;
  for (const instance of instances) await instance.stop();
  console.log(`${PER_SECOND} requests per second, ${REPLACEMENTS} replacements`);
  console.table(countBy(outcomes.map(({ result, method }) => `${result} ${method}`)));
} finally {
  proxy?.kill('SIGTERM');
  await stores.stop();
}

function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Caddy with the configuration of production, except for names and TLS. */
async function startProxy(upstreams: string[]): Promise<string> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const production = readFileSync(join(ROOT, 'docker/production/Caddyfile'), 'utf8');
  const file = join(DIR, 'Caddyfile');
  const changed = production
    .replace('{$SITE_ADDRESS}', `{\n\tadmin off\n}\n${url}`)
    .replace('tls {$TLS}', '')
    .replace(/(?<=reverse_proxy ).*(?= \{)/, upstreams.join(' '));
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

/** One in five requests changes a row. */
function requestOf(token: string, number: number): Dispatcher.RequestOptions {
  const isChange = Math.floor(number / USERS) % 5 === 0;
  return {
    method: isChange ? 'PATCH' : 'GET',
    path: '/v1/users/me',
    headers: {
      authorization: `Bearer ${token}`,
      ...(isChange && { 'content-type': 'application/json' }),
    },
    body: isChange ? JSON.stringify({ displayName: `Name ${number}` }) : null,
  };
}
