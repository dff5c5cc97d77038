/**
 * Measures the request rate of one API process on the CPU of a Fly machine, for the table of docs/guides/deploy-fly.md.
 * The quota is that of Fly: a shared CPU may run for 5 of 80 ms. Needs root, cgroups of Linux and `redis-server`. Run
 * `npm run build`, then `node scripts/experiments/fly-capacity.ts`.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { percentile } from '../../bench/load.ts';
import { PASSWORD, prepareServer, type Server, startServer } from '../../bench/servers.ts';
import { Stores } from '../../bench/stores.ts';
import { signInUser } from '../../bench/works.ts';
import { sendAtConstantRate } from './constant-rate.ts';

const PERIOD_MICROS = 80_000;
/** The CPU time of one period. The largest first, so that the code is compiled before the CPU is limited. */
const MACHINES = {
  'performance-1x': 80_000,
  'shared-cpu-4x': 20_000,
  'shared-cpu-2x': 10_000,
  'shared-cpu-1x': 5_000,
};
const USERS = 40;
const SECONDS = 4;
/** The share of the largest rate at which the response times are measured. */
const USE = 0.6;
/** A rate counts as too high when more responses than this need more than a second. */
const SLOW_SHARE = 0.02;
const ATTEMPTS = 2;

type MakeRequest = (number: number) => Dispatcher.RequestOptions;

const stores = await Stores.start();
let server: Server | undefined;
try {
  const env = { ...(await prepareServer('redis', stores)), EVENT_LOOP_DELAY_MAX_MS: '0' };
  server = await startServer('redis', env);
  const { pid, url } = server;
  const tokens = await Promise.all(
    Array.from({ length: USERS }, (_, n) => signInUser(url, n).then(({ accessToken }) => accessToken)),
  );
  console.log('| machine | request | requests per second at most | p50 at 60 % | p99 at 60 % |');
  console.log('| --- | --- | --- | --- | --- |');
  const ratePerQuota = new Map<string, number>();
  for (const [machine, quota] of Object.entries(MACHINES)) {
    limitCpu(pid, quota);
    for (const [name, request] of Object.entries(requestsWith(tokens))) {
      const expected = (ratePerQuota.get(name) ?? 0) * quota;
      const most = await highestRate(url, request, Math.max(1, Math.round(expected / 2)));
      ratePerQuota.set(name, most / quota);
      const times = await timesAt(url, most * USE, request);
      const [p50, p99] = [0.5, 0.99].map((part) => `${percentile(times, part).toFixed(0)} ms`);
      console.log(`| ${machine} | ${name} | ${most} | ${p50} | ${p99} |`);
    }
  }
} finally {
  await server?.stop();
  await stores.stop();
  if (existsSync(groupDir())) rmdirSync(groupDir());
}

function requestsWith(tokens: string[]): Record<string, MakeRequest> {
  const headers = (number: number) => ({ authorization: `Bearer ${tokens[number % USERS]}` });
  const json = { 'content-type': 'application/json' };
  return {
    'GET /v1/users/me': (number) => ({ method: 'GET', path: '/v1/users/me', headers: headers(number) }),
    'PATCH /v1/users/me': (number) => ({
      method: 'PATCH',
      path: '/v1/users/me',
      headers: { ...headers(number), ...json },
      body: JSON.stringify({ displayName: `Name ${number}` }),
    }),
    'a sign-in': (number) => ({
      method: 'POST',
      path: '/v1/auth/login',
      headers: { ...json, 'x-forwarded-for': `198.51.100.${number % 250}` },
      body: JSON.stringify({ email: `user-${number % 1_000}@example.com`, password: PASSWORD }),
    }),
  };
}

/** Doubles the rate, and then finds the result by bisection, to about 5 %. */
async function highestRate(url: string, request: MakeRequest, start: number): Promise<number> {
  let [enough, tooMuch] = [start, start * 2];
  while (await keepsUp(url, tooMuch, request)) [enough, tooMuch] = [tooMuch, tooMuch * 2];
  while (tooMuch - enough > Math.max(1, enough * 0.05)) {
    const rate = Math.round((enough + tooMuch) / 2);
    if (await keepsUp(url, rate, request)) enough = rate;
    else tooMuch = rate;
  }
  return enough;
}

/** Repeats a failed attempt, because a pause may have another cause. */
async function keepsUp(url: string, rate: number, request: MakeRequest): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const times = await timesAt(url, rate, request);
    const slow = times.filter((time) => time > 1_000).length;
    if (slow <= times.length * SLOW_SHARE) return true;
  }
  return false;
}

/** The sorted response times in milliseconds. */
async function timesAt(url: string, rate: number, request: MakeRequest): Promise<number[]> {
  const end = performance.now() + SECONDS * 1_000;
  const outcomes = await sendAtConstantRate(url, rate, request, () => performance.now() > end);
  const failed = outcomes.find(({ result }) => result !== '200');
  if (failed) throw new Error(`${failed.method}: ${failed.result}`);
  // Work that continues after the responses must not slow the next measurement.
  await sleep(500);
  return outcomes.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
}

/** In cgroups version 1 or 2. */
function groupDir(): string {
  const isFirstVersion = existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  return isFirstVersion ? '/sys/fs/cgroup/cpu/fly-capacity' : '/sys/fs/cgroup/fly-capacity';
}

function limitCpu(pid: number, quotaMicros: number): void {
  const dir = groupDir();
  mkdirSync(dir, { recursive: true });
  if (existsSync(`${dir}/cpu.cfs_quota_us`)) {
    writeFileSync(`${dir}/cpu.cfs_period_us`, String(PERIOD_MICROS));
    writeFileSync(`${dir}/cpu.cfs_quota_us`, String(quotaMicros));
  } else writeFileSync(`${dir}/cpu.max`, `${quotaMicros} ${PERIOD_MICROS}`);
  writeFileSync(`${dir}/cgroup.procs`, String(pid));
}
