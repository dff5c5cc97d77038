/**
 * npm run bench: measures the API against a bare Fastify + pg server that does the same work.
 *   --quick            fewer requests; fails when a figure is worse than the recorded one
 *   --only me,page     these requests; also instances, jobs, webhooks, import and streams, which --quick leaves out
 *   --rounds 5         how often each server is measured; the best round counts (default 5, quick 2 to 12)
 *   --profile          writes CPU profiles of the servers to .local/bench/
 *   --record           saves the figures to bench/recorded.json and docs/performance.md
 */
import { parseArgs } from 'node:util';
import { backgroundWorks, measureBackground } from './background.ts';
import { measureInstances } from './instances.ts';
import { canPin, leaveServerCpu, memoryBytes } from './processes.ts';
import { httpTable, machine, record, regressions, table, writeSection } from './report.ts';
import { type MeasuredServer, WorkRounds } from './rounds.ts';
import { prepareServer, type ServerName, serverNames, startServer } from './servers.ts';
import { Stores } from './stores.ts';
import { measureStreams } from './streams.ts';
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
const rounds = Number(options.rounds ?? (options.quick ? 2 : 5));
/** A short run sends this part of the requests. */
const part = options.quick ? 0.25 : 1;
/** A short run measures again each work that seems worse, until it has this many rounds or the time is over. */
const MAX_ROUNDS = 12;
const QUICK_MS = 240_000;
const PROFILE = ['--cpu-prof', '--cpu-prof-dir', '.local/bench'];
const STARTS = options.quick ? 1 : 5;
const only = options.only?.split(',');
const works = allWorks.filter(({ name }) => !only || only.includes(name));
/** Whether this part runs. `--quick` leaves these parts out. */
const isAsked = (name: string): boolean => (only ? only.includes(name) : !options.quick);
const background = backgroundWorks.filter(({ name }) => isAsked(name));
const profiling = options.profile ? PROFILE : [];
const startedAt = performance.now();

leaveServerCpu();
const stores = await Stores.start();
const servers: MeasuredServer[] = [];
const starts = new Map<ServerName, { startMs: number; memory: number }>();
process.once('SIGTERM', () => void stopAll().then(() => process.exit(143)));
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
  const measured = works.map((work) => new WorkRounds(work, servers, stores));
  for (const work of measured) await measureWork(work);
  if (options.quick && !options.record) await measureDoubtful(measured);
  if (works.length > 0) report(measured);
  await stopServers();
  if (isAsked('instances')) reportSection('instances', await measureInstances(stores));
  if (background.length > 0)
    reportSection('background', await measureBackground(background, stores, profiling));
  if (isAsked('streams')) reportSection('streams', await measureStreams(stores)); // feature:notifications
} finally {
  await stopAll();
}

async function stopAll(): Promise<void> {
  await stopServers();
  await stores.stop();
}

function stopServers(): Promise<void[]> {
  return Promise.all(servers.map((server) => server.stop()));
}

function reportSection(name: string, figures: string): void {
  console.log(`\n${figures}\n\n${machine()}`);
  if (options.record) writeSection(name, `${figures}\n\n${machine()}`);
}

async function measureWork(measured: WorkRounds): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    if (round > 1 && isTimeOver()) break;
    await measured.measure(part);
  }
  printCpu(measured);
}

/** A busy machine makes figures worse, so each work that seems worse is measured again, after the others. */
async function measureDoubtful(measured: WorkRounds[]): Promise<void> {
  for (;;) {
    const doubtful = measured.filter(
      (work) => regressions(work).length > 0 && work.rounds.length < MAX_ROUNDS,
    );
    if (doubtful.length === 0 || isTimeOver()) return;
    for (const work of doubtful) {
      await work.measure(part);
      printCpu(work);
    }
  }
}

function isTimeOver(): boolean {
  return options.quick && performance.now() - startedAt > QUICK_MS;
}

function printCpu({ work, best, rounds: { length } }: WorkRounds): void {
  const cpu = serverNames.map((name) => `${name} ${Math.round(best[name].cpuMicros)} µs`).join(', ');
  console.log(`${work.name.padEnd(9)} ${cpu} (${length} rounds)`);
}

function report(measured: WorkRounds[]): void {
  const requests = httpTable(measured);
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
    record(measured);
    writeSection('requests', `${requests}\n\n${programs}\n\n${machine()}`);
    return;
  }
  if (options.quick) reportRegressions(measured);
}

function reportRegressions(measured: WorkRounds[]): void {
  const worse = (some: WorkRounds[]) => some.flatMap((work) => regressions(work)).join('\n');
  const undecided = worse(measured.filter((work) => work.rounds.length < MAX_ROUNDS));
  if (undecided)
    console.log(`\nUndecided, because the machine is too busy for ${MAX_ROUNDS} rounds:\n${undecided}`);
  const certain = worse(measured.filter((work) => work.rounds.length >= MAX_ROUNDS));
  if (!certain) return;
  console.error(`\nWorse than recorded:\n${certain}`);
  process.exitCode = 1;
}
