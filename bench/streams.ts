/** Measures open streams of notifications: the memory of the API, and how soon a notification reaches its streams. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type ClientRequest, get } from 'node:http';
import { join } from 'node:path';
import { becomesTrue } from '../scripts/processes.ts';
import { percentile } from './load.ts';
import { memoryBytes } from './processes.ts';
import { table } from './report.ts';
import { ADMINS, prepareServer, type ServerName, startServer } from './servers.ts';
import type { Stores } from './stores.ts';
import { signInUser } from './works.ts';

/** The limit of the API. */
const STREAMS_PER_USER = 5;
const COUNTS = [1_000, 10_000];
/** Users who get a notification each. */
const NOTIFIED = 200;
const PARALLEL = 16;
const TIMEOUT_MS = 120_000;

interface Figures {
  bytesPerStream: number;
  /** Milliseconds from the start of the transaction to the arrival, sorted. */
  latencies: number[];
}

/** The table of docs/performance.md. */
export async function measureStreams(stores: Stores): Promise<string> {
  const rows: string[][] = [];
  for (const name of ['redis', 'postgres'] as const) {
    for (const count of COUNTS) {
      const { bytesPerStream, latencies } = await measure(name, count, stores);
      const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
      rows.push([
        `${count} open streams of notifications`,
        name === 'redis' ? 'Redis' : 'PostgreSQL only',
        `${(bytesPerStream / 1_024).toFixed(0)} KB`,
        `${p50} / ${p99} ms`,
        '30 KB, p99 250 ms',
      ]);
    }
  }
  return table(['work', 'backend', 'memory per stream', 'p50 / p99 until an event arrives', 'aim'], rows);
}

async function measure(name: ServerName, count: number, stores: Stores): Promise<Figures> {
  const env = await prepareServer(name, stores);
  const server = await startServer(name, env);
  const streams: ClientRequest[] = [];
  const latencies: number[] = [];
  try {
    const users = Array.from({ length: count / STREAMS_PER_USER }, (_, index) => ADMINS + index);
    const tokens = await inParallel(users, (user) => signInUser(server.url, user));
    const before = memoryBytes(server.pid).now;
    const owners = tokens.flatMap((token) => Array.from({ length: STREAMS_PER_USER }, () => token));
    await inParallel(owners, async ({ accessToken }) => {
      streams.push(
        await openStream(server.url, accessToken, (createdAt) => latencies.push(Date.now() - createdAt)),
      );
    });
    const after = memoryBytes(server.pid).now;
    await notifyUsers(env);
    const hasAll = () => latencies.length === NOTIFIED * STREAMS_PER_USER;
    if (!(await becomesTrue(hasAll, TIMEOUT_MS))) throw new Error('Notifications are missing in the streams');
    return { bytesPerStream: (after - before) / count, latencies: latencies.toSorted((a, b) => a - b) };
  } finally {
    for (const stream of streams) stream.destroy();
    await server.stop();
  }
}

async function inParallel<Item, Result>(
  items: Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const take = async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, take));
  return results;
}

/** Resolves when the API has responded. `onNotification` gets the time at which the notification was created. */
async function openStream(
  url: string,
  accessToken: string,
  onNotification: (createdAt: number) => void,
): Promise<ClientRequest> {
  const request = get(`${url}/v1/notifications/stream`, {
    agent: false,
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`A stream was rejected: ${response.statusCode}`);
  request.on('error', () => undefined);
  response.setEncoding('utf8');
  response.on('error', () => undefined);
  response.on('data', (text: string) => {
    for (const [, createdAt] of text.matchAll(/"createdAt":"([^"]+)"/g))
      onNotification(Date.parse(createdAt!));
  });
  return request;
}

/** Runs in another process, because this one receives the streams. */
async function notifyUsers(env: Record<string, string>): Promise<void> {
  const program = join(import.meta.dirname, '../dist/bench/programs/prepare.js');
  const child = spawn(process.execPath, [program, 'notify', String(ADMINS), String(NOTIFIED)], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: TIMEOUT_MS,
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('prepare.js notify failed');
}
