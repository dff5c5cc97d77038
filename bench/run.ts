/**
 * npm run bench: measures the API against a bare Fastify + pg server that does the same work.
 *   --quick            fewer requests; fails when a figure is worse than the recorded one by more than a fifth
 *   --only me,page     these requests; also the works of background.ts, which a run without --quick measures last
 *   --rounds 5         how often each server is measured; the best round counts (default 5, quick 3)
 *   --profile          writes CPU profiles of the servers to .local/bench/
 *   --record           saves the figures to bench/recorded.json and docs/performance.md
 */
import { parseArgs } from 'node:util';
import { backgroundWorks, measureBackground } from './background.ts';
import { percentile, send, type Work } from './load.ts';
import { canPin, cpuMicros, leaveServerCpu, memoryBytes } from './processes.ts';
import {
  type Figures,
  httpTable,
  machine,
  record,
  regressions,
  type Results,
  table,
  writeSection,
} from './report.ts';
import {
  databaseOf,
  prepareServer,
  query,
  type Server,
  type ServerName,
  serverNames,
  startServer,
} from './servers.ts';
import { Stores } from './stores.ts';
import { works as allWorks } from './works.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
/** A short run sends this part of the requests. */
const part = options.quick ? 0.25 : 1;
const REPEATS = 2;
const PROFILE = ['--cpu-prof', '--cpu-prof-dir', '.local/bench'];
const STARTS = options.quick ? 1 : 5;
const only = options.only?.split(',');
const works = allWorks.filter(({ name }) => !only || only.includes(name));
const background = backgroundWorks.filter(({ name }) => (only ? only.includes(name) : !options.quick));
const profiling = options.profile ? PROFILE : [];

leaveServerCpu();
const stores = await Stores.start();
const servers: (Server & { databaseUrl: string })[] = [];
const starts = new Map<ServerName, { startMs: number; memory: number }>();
try {
  for (const name of works.length > 0 ? serverNames : []) {
    const env = await prepareServer(name, stores);
    const startMs: number[] = [];
    for (let start = 1; start < STARTS; start += 1) {
      const server = await startServer(name, env);
      startMs.push(server.startMs);
      await server.stop();
    }
    const server = await startServer(name, env, profiling);
    servers.push({ ...server, databaseUrl: env['DATABASE_URL']! });
    starts.set(name, {
      startMs: Math.min(...startMs, server.startMs),
      memory: memoryBytes(server.pid).now,
    });
  }
  const results: Results = {};
  for (const work of works) results[work.name] = await measureUndisturbed(work);
  if (works.length > 0) report(results);
  await stopServers();
  if (background.length > 0) reportBackground(await measureBackground(background, stores, profiling));
} finally {
  await stopServers();
  await stores.stop();
}

function stopServers(): Promise<void[]> {
  return Promise.all(servers.map((server) => server.stop()));
}

function reportBackground(figures: string): void {
  console.log(`\n${figures}\n\n${machine()}`);
  if (options.record) writeSection('background', `${figures}\n\n${machine()}`);
}

/** With --quick, a figure that is worse than the recorded one is measured again: only one that stays worse counts. */
async function measureUndisturbed(work: Work): Promise<Results[string]> {
  let results = await measureWork(work);
  for (let repeat = 1; repeat <= REPEATS && options.quick; repeat += 1) {
    if (regressions({ [work.name]: results }).length === 0) break;
    results = await measureWork(work);
  }
  return results;
}

/** The servers take turns, so that a disturbance of the machine hits all of them. */
async function measureWork(work: Work): Promise<Results[string]> {
  const requests = Math.ceil(work.requests * part);
  const best = new Map<ServerName, Figures>();
  const calls = new Map<ServerName, Awaited<ReturnType<Work['prepare']>>>();
  for (const { name, url, databaseUrl } of servers)
    calls.set(name, await work.prepare(url, (statement, values) => query(databaseUrl, statement, values)));
  for (let round = 0; round <= rounds; round += 1) {
    for (const server of servers) {
      const figures = await measure(server, calls.get(server.name)!, { ...work, requests });
      // The first round warms up.
      if (round > 0) best.set(server.name, better(best.get(server.name), figures));
    }
  }
  const all = Object.fromEntries(best) as Results[string];
  const cpu = serverNames.map((name) => `${name} ${Math.round(all[name].cpuMicros)} µs`).join(', ');
  console.log(`${work.name.padEnd(9)} ${cpu}`);
  return all;
}

async function measure(
  { name, url, pid }: Server,
  next: Awaited<ReturnType<Work['prepare']>>,
  work: Pick<Work, 'connections' | 'requests'>,
): Promise<Figures> {
  const before = [
    cpuMicros(pid),
    await stores.countStatements(databaseOf(name)),
    await stores.countRedisCommands(),
  ];
  const { seconds, latencies } = await send(url, next, work);
  const after = [
    cpuMicros(pid),
    await stores.countStatements(databaseOf(name)),
    await stores.countRedisCommands(),
  ];
  const [cpu = 0, statements = 0, commands = 0] = after.map((value, index) => value - before[index]!);
  return {
    cpuMicros: cpu / work.requests,
    perSecond: work.requests / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    statements: statements / work.requests,
    redisCommands: name === 'redis' ? commands / work.requests : 0,
  };
}

function better(best: Figures | undefined, figures: Figures): Figures {
  if (!best) return figures;
  const least = (key: Exclude<keyof Figures, 'perSecond'>) => Math.min(best[key], figures[key]);
  return {
    cpuMicros: least('cpuMicros'),
    perSecond: Math.max(best.perSecond, figures.perSecond),
    p50: least('p50'),
    p99: least('p99'),
    statements: least('statements'),
    redisCommands: least('redisCommands'),
  };
}

function report(results: Results): void {
  const requests = httpTable(works, results);
  const programs = table(
    ['server', 'start to ready', 'memory after the start'],
    serverNames.map((name) => {
      const { startMs, memory } = starts.get(name)!;
      return [name, `${Math.round(startMs)} ms`, `${Math.round(memory / 2 ** 20)} MB`];
    }),
  );
  console.log(`\n${requests}\n\n${programs}\n\n${machine()}`);
  if (!canPin) console.log('Not pinned to CPUs: taskset is missing, or there is one CPU only.');
  if (options.record) {
    record(results);
    writeSection('requests', `${requests}\n\n${programs}\n\n${machine()}`);
    return;
  }
  if (!options.quick) return;
  const worse = regressions(results);
  if (worse.length === 0) return;
  console.error(`\nWorse than recorded by more than a fifth:\n${worse.join('\n')}`);
  process.exitCode = 1;
}
