/**
 * Measures the cost of a request when three instances share the database and Redis. All run on one CPU, so this is the
 * cost of sharing, not the speed. With one CPU each, they do `3 × CPU of one / CPU of three` times the work of one.
 */
import { type Call, send, type Work } from './load.ts';
import { cpuMicros } from './processes.ts';
import { table } from './report.ts';
import { prepareServer, query, type Server, startInstance } from './servers.ts';
import type { Stores } from './stores.ts';
import { works } from './works.ts';

const INSTANCES = 3;
const ROUNDS = 5;
const MEASURED = ['me', 'page', 'refresh', 'update'];

/** The table of docs/performance.md. */
export async function measureInstances(stores: Stores): Promise<string> {
  const env = await prepareServer('redis', stores);
  const servers: Server[] = [];
  const rows: string[][] = [];
  try {
    for (let instance = 0; instance < INSTANCES; instance += 1) servers.push(await startInstance(env));
    for (const work of works.filter(({ name }) => MEASURED.includes(name)))
      rows.push(await measureWork(work, servers, (sql, values) => query(env['DATABASE_URL']!, sql, values)));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return table(
    ['request', 'CPU with one instance', 'CPU with three', 'work of three, each with a CPU'],
    rows,
  );
}

/** Each instance has the same load, alone and together with the others. */
async function measureWork(
  work: Work,
  servers: Server[],
  runQuery: Parameters<Work['prepare']>[1],
): Promise<string[]> {
  const calls: ((connection: number) => Call)[] = [];
  for (const { url } of servers) calls.push(await work.prepare(url, runQuery));
  const { connections, requests } = work;
  const sendTo = async (instances: number) => {
    const before = servers.map(({ pid }) => cpuMicros(pid));
    await Promise.all(
      servers
        .slice(0, instances)
        .map(({ url }, index) => send(url, calls[index]!, { connections, requests })),
    );
    const cpu = servers.reduce((sum, { pid }, index) => sum + cpuMicros(pid) - before[index]!, 0);
    return cpu / (instances * requests);
  };
  const one: number[] = [];
  const all: number[] = [];
  // They take turns, and the first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    one.push(await sendTo(1));
    all.push(await sendTo(INSTANCES));
  }
  const [ofOne, ofAll] = [Math.min(...one.slice(1)), Math.min(...all.slice(1))];
  return [
    work.title,
    `${ofOne.toFixed(0)} µs`,
    `${ofAll.toFixed(0)} µs`,
    ((INSTANCES * ofOne) / ofAll).toFixed(2),
  ];
}
