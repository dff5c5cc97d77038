/**
 * Measures the CPU of a request with and without traces, for docs/performance.md. All traces are sent to a server that
 * ignores them. Needs `redis-server`, and `npm run build` before it: `node scripts/experiments/tracing-cost.ts`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { send } from '../../bench/load.ts';
import { cpuMicros, leaveServerCpu } from '../../bench/processes.ts';
import { prepareServer, query, type Server, startServer } from '../../bench/servers.ts';
import { Stores } from '../../bench/stores.ts';
import { works } from '../../bench/works.ts';
import { freePort } from '../processes.ts';

const MEASURED = ['me', 'update'];
const ROUNDS = 5;

leaveServerCpu();
const collector = createServer((request, response) => request.resume().once('end', () => response.end('{}')));
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const stores = await Stores.start();
const env = await prepareServer('redis', stores);
const sends = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
/** The settings of the three servers: no traces, traces of all requests, traces of one in ten. */
const SETTINGS: Record<string, string>[] = [
  {},
  sends,
  { ...sends, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
];
const servers: Server[] = [];
try {
  for (const settings of SETTINGS) {
    const port = String(await freePort());
    const metricsPort = String(await freePort());
    servers.push(
      await startServer('redis', {
        ...env,
        ...settings,
        PORT: port,
        METRICS_PORT: metricsPort,
        PUBLIC_URL: `http://127.0.0.1:${port}`,
      }),
    );
  }
  console.log('| request | no traces | all requests | one in ten |');
  console.log('| --- | --- | --- | --- |');
  for (const name of MEASURED) console.log(`| ${name} | ${(await measure(name)).join(' | ')} |`);
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
  collector.close();
}

/** The lowest CPU per request of all rounds, for each server. The servers take turns, and the first round warms up. */
async function measure(name: string): Promise<string[]> {
  const work = works.find((candidate) => candidate.name === name)!;
  const runQuery = (sql: string, values: unknown[]) => query(env['DATABASE_URL']!, sql, values);
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
