/** Sends requests over a fixed number of connections, each as soon as the one before it has its response. */
import { type Dispatcher, Pool } from 'undici';

export interface Call {
  method: Dispatcher.HttpMethod;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** Any other status fails the measurement. */
  status: number;
  onResponse?: (body: string) => void;
}

type Query = (statement: string, values: unknown[]) => Promise<unknown>;

export interface Work {
  name: string;
  /** A row of docs/performance.md. */
  title: string;
  connections: number;
  /** How many requests one measurement sends. */
  requests: number;
  /** The goal for the API: its work per CPU second, as a share of the bare server's. */
  aim?: number;
  /** Returns a function that makes the next call of a connection. `query` runs a statement in the server's database. */
  prepare: (url: string, query: Query) => Promise<(connection: number) => Call>;
}

export interface Load {
  seconds: number;
  /** In milliseconds, sorted. */
  latencies: number[];
}

export async function send(
  url: string,
  next: (connection: number) => Call,
  { connections, requests }: { connections: number; requests: number },
): Promise<Load> {
  const pool = new Pool(url, { connections, pipelining: 1 });
  const latencies: number[] = [];
  let left = requests;
  const connection = async (index: number) => {
    while (left > 0) {
      left -= 1;
      latencies.push(await sendOne(pool, next(index)));
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: connections }, (_, index) => connection(index)));
  const seconds = (performance.now() - start) / 1_000;
  await pool.close();
  return { seconds, latencies: latencies.toSorted((a, b) => a - b) };
}

/** Rate limits count by IP address, so the requests come from this many addresses, as if through a proxy. */
const ADDRESSES = 250;
let sent = 0;

async function sendOne(
  pool: Pool,
  { method, path, headers = {}, body, status, onResponse }: Call,
): Promise<number> {
  const start = performance.now();
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const address = { 'x-forwarded-for': `198.51.100.${(sent += 1) % ADDRESSES}` };
  const response = await pool.request({
    method,
    path,
    body: body ?? null,
    headers: { ...type, ...address, ...headers },
  });
  const text = await response.body.text();
  if (response.statusCode !== status) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
  onResponse?.(text);
  return performance.now() - start;
}

/** The value at this fraction of the sorted values: 0.99 for p99. */
export const percentile = (sorted: number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
