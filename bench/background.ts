/** Measures what one worker process does in the background. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { cpuMicros, memoryBytes, startProgram } from './processes.ts';
import { table } from './report.ts';
import { prepareServer } from './servers.ts';
import { OWN_STATEMENT, type Stores } from './stores.ts';

const PROGRAMS = join(import.meta.dirname, '../dist/bench/programs');
const TIMEOUT_MS = 300_000;

interface Figures {
  seconds: number;
  cpuMicros: number;
  statements: number;
  redisCommands: number;
  peakMemory: number;
}

interface BackgroundWork {
  name: string;
  measure: (bench: Bench) => Promise<(string | number)[][]>;
}

/** The database of one backend, and the programs on it. */
export class Bench {
  readonly backend: string;
  readonly db: pg.Pool;
  private readonly env: Record<string, string>;
  private readonly stores: Stores;
  private readonly nodeOptions: string[];

  /** `env` comes from `prepareServer`. */
  constructor(env: Record<string, string>, stores: Stores, nodeOptions: string[] = []) {
    this.backend = env['REDIS_URL'] ? 'Redis' : 'PostgreSQL only';
    this.env = env;
    this.stores = stores;
    this.nodeOptions = nodeOptions;
    this.db = new pg.Pool({ connectionString: env['DATABASE_URL'], max: 2 });
  }

  prepare(...args: (string | number)[]): void {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(PROGRAMS, 'prepare.js'), ...args.map(String)],
      { env: { PATH: process.env['PATH'], ...this.env }, encoding: 'utf8', timeout: TIMEOUT_MS },
    );
    if (status !== 0) throw new Error(`prepare ${args.join(' ')} failed:\n${stdout}${stderr}`);
  }

  /** Runs a worker until `secondsOfWork` resolves to the duration of the work. */
  async work(
    settings: Record<string, string>,
    start: () => Promise<unknown>,
    secondsOfWork: () => Promise<number | null>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Figures> {
    const worker = await startProgram(
      [...this.nodeOptions, join(PROGRAMS, 'worker.js')],
      { ...this.env, ...settings },
      (output) => output.includes('Worker started'),
    );
    const before = await this.count();
    const cpuBefore = cpuMicros(worker.pid);
    const startedAt = Date.now();
    try {
      await start();
      for (;;) {
        const seconds = await secondsOfWork();
        const [statements, redisCommands] = await this.count();
        if (seconds !== null) {
          return {
            seconds,
            cpuMicros: cpuMicros(worker.pid) - cpuBefore,
            statements: statements - before[0],
            redisCommands: redisCommands - before[1],
            peakMemory: memoryBytes(worker.pid).peak,
          };
        }
        if (Date.now() - startedAt > timeoutMs) throw new Error('The worker did not finish its work');
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    } finally {
      await worker.stop();
    }
  }

  async stop(): Promise<void> {
    await this.db.end();
  }

  async count(): Promise<[statements: number, redisCommands: number]> {
    const redisCommands = this.env['REDIS_URL'] ? await this.stores.countRedisCommands() : 0;
    const database = new URL(this.env['DATABASE_URL']!).pathname.slice(1);
    return [await this.stores.countStatements(database), redisCommands];
  }
}

/** A row of the table. `figures` measure `count` items, such as jobs. */
function row(bench: Bench, title: string, count: number, figures: Figures, aim: string) {
  const { seconds, cpuMicros: cpu, statements, redisCommands, peakMemory } = figures;
  return [
    title,
    bench.backend,
    `${Math.round(count / seconds)}/s`,
    `${Math.round(cpu / count)} µs`,
    (statements / count).toFixed(2),
    (redisCommands / count).toFixed(2),
    `${Math.round(peakMemory / 2 ** 20)} MB`,
    aim,
  ];
}

/** Seconds from the first to the last of `count` rows. Null while there are fewer rows. */
async function secondsOf(bench: Bench, times: string, count: number): Promise<number | null> {
  const { rows } = await bench.db.query<{ count: string; seconds: number }>(
    `SELECT ${OWN_STATEMENT} count(*), extract(epoch FROM max(at) - min(at))::float AS seconds FROM (${times}) AS time (at)`,
  );
  return Number(rows[0]!.count) >= count ? rows[0]!.seconds : null;
}

const JOBS = { redis: 6_000, postgres: 2_000 };
/** The type of bench/programs/no-op.job.ts. */
const NO_OP = 'bench-no-op';

export async function measureJobs(bench: Bench): Promise<(string | number)[][]> {
  const count = bench.backend === 'Redis' ? JOBS.redis : JOBS.postgres;
  const rows: (string | number)[][] = [];
  for (const concurrency of [5, 50]) {
    await bench.db.query(`DELETE FROM jobs WHERE type = '${NO_OP}'`);
    const [before] = await bench.count();
    bench.prepare('jobs', count);
    const [after] = await bench.count();
    const enqueued = await secondsOf(bench, `SELECT created_at FROM jobs WHERE type = '${NO_OP}'`, count);
    const figures = await bench.work(
      { BENCH_CONCURRENCY: String(concurrency) },
      async () => undefined,
      () =>
        secondsOf(
          bench,
          `SELECT finished_at FROM jobs WHERE type = '${NO_OP}' AND status = 'completed'`,
          count,
        ),
    );
    if (concurrency === 5)
      rows.push([
        'no-op jobs enqueued, 16 at a time',
        bench.backend,
        `${Math.round(count / enqueued!)}/s`,
        '',
        ((after - before) / count).toFixed(2),
        '',
        '',
        '',
      ]);
    const aim = concurrency === 50 ? (bench.backend === 'Redis' ? '3000/s' : '1500/s') : '';
    rows.push(row(bench, `no-op jobs completed, concurrency ${concurrency}`, count, figures, aim));
  }
  return rows;
}

async function measureDeliveries(bench: Bench): Promise<(string | number)[][]> {
  const receiver = await startReceiver();
  const { port } = receiver.address() as AddressInfo;
  const rows: (string | number)[][] = [];
  try {
    for (const { owners, aim } of [
      { owners: 1, aim: '500/s' },
      { owners: 20, aim: '1000/s' },
    ]) {
      const count = owners === 1 ? 1_000 : 4_000;
      await bench.db.query('TRUNCATE webhook_endpoints CASCADE');
      bench.prepare('endpoints', owners, `http://127.0.0.1:${port}/`);
      const figures = await bench.work(
        { NODE_ENV: 'development', WEBHOOK_ALLOW_PRIVATE: `127.0.0.1:${port}` },
        () => addDeliveries(bench, count / owners),
        () => secondsOf(bench, 'SELECT created_at FROM webhook_attempts', count),
      );
      const title = owners === 1 ? 'deliveries to one endpoint' : `deliveries to ${owners} owners`;
      rows.push(row(bench, title, count, figures, aim));
    }
  } finally {
    receiver.close();
  }
  return rows;
}

const addDeliveries = (bench: Bench, perEndpoint: number) =>
  bench.db.query(
    `INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, payload, correlation_id, next_attempt_at)
     SELECT gen_random_uuid(), id, gen_random_uuid(), 'user.updated', '{"type":"user.updated","data":{}}', 'bench', now()
     FROM webhook_endpoints, generate_series(1, $1)`,
    [perEndpoint],
  );

/** Responds at once. */
async function startReceiver(): Promise<Server> {
  const receiver = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(204).end());
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  return receiver;
}

const IMPORT_LINES = 200_000;

async function measureImport(bench: Bench): Promise<(string | number)[][]> {
  bench.prepare('import', IMPORT_LINES);
  const seconds = async () => {
    const { rows } = await bench.db.query<{ status: string; seconds: number }>(
      `SELECT status, extract(epoch FROM finished_at - started_at)::float AS seconds FROM jobs
       WHERE type = 'user-import' AND finished_at IS NOT NULL`,
    );
    if (rows[0] && rows[0].status !== 'completed') throw new Error('The import failed');
    return rows[0]?.seconds ?? null;
  };
  const figures = await bench.work({}, async () => undefined, seconds);
  return [row(bench, 'lines of a CSV import', IMPORT_LINES, figures, '20000/s, 300 MB')];
}

export const backgroundWorks: BackgroundWork[] = [
  { name: 'jobs', measure: measureJobs },
  { name: 'webhooks', measure: measureDeliveries }, // feature:webhooks
  { name: 'import', measure: measureImport }, // feature:imports
];

/** The table of docs/performance.md. */
export async function measureBackground(
  works: BackgroundWork[],
  stores: Stores,
  nodeOptions: string[],
): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const name of ['redis', 'postgres'] as const) {
    const bench = new Bench(await prepareServer(name, stores), stores, nodeOptions);
    try {
      for (const work of works) rows.push(...(await work.measure(bench)));
    } finally {
      await bench.stop();
    }
  }
  const head = [
    'work',
    'backend',
    'rate',
    'CPU of the worker',
    'statements',
    'Redis commands',
    'peak memory',
    'aim',
  ];
  return table(head, rows);
}
