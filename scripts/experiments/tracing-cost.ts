/**
 * Measures the CPU of a request with and without traces, for docs/guides/monitor.md. All traces are sent to a server that
 * ignores them. Needs `redis-server`, and `npm run build` before it: `node scripts/experiments/tracing-cost.ts`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { send } from '../../bench/load.ts';
import { cpuMicros, leaveServerCpu } from '../../bench/processes.ts';
import { prepareServer, query, type Server, startInstance } from '../../bench/servers.ts';
import { Stores } from '../../bench/stores.ts';
import { works } from '../../bench/works.ts';

const MEASURED = ['me', 'update'];
const ROUNDS = 5;

leaveServerCpu();
const collector = createServer((request, response) => request.resume().once('end', () => response.end('{}')));
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const stores = await Stores.start();
const sends = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
/** The settings of the three servers: no traces, traces of all requests, traces of one in ten. */
const SETTINGS: Record<string, string>[] = [
  {},
  sends,
  { ...sends, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
];
const servers: Server[] = [];
try {
  const env = await prepareServer('redis', stores);
  for (const settings of SETTINGS) servers.push(await startInstance({ ...env, ...settings }));
  console.log('| request | no traces | all requests | one in ten |');
  console.log('| --- | --- | --- | --- |');
  for (const name of MEASURED)
    console.log(`| ${name} | ${(await measure(name, env['DATABASE_URL']!)).join(' | ')} |`);
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
  collector.close();
}

/** The lowest CPU per request of all rounds, for each server. The servers take turns, and the first round warms up. */
async function measure(name: string, databaseUrl: string): Promise<string[]> {
  const work = works.find((candidate) => candidate.name === name)!;
  const runQuery = (sql: string, values: unknown[]) => query(databaseUrl, sql, values);
  const calls = [];
  for (const { url } of servers) calls.push(await work.prepare(url, runQuery));
  const least = servers.map(() => Infinity);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, { pid, url }] of servers.entries()) {
      const before = cpuMicros(pid);
      await send(url, calls[index]!, work);
      const micros = (cpuMicros(pid) - before) / work.requests;
      if (round > 0) least[index] = Math.min(least[index]!, micros);
    }
  }
  return least.map((micros) => `${micros.toFixed(0)} µs`);
}
