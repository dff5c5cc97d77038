/**
 * npm run bench:scale: measures what changes when each table has a hundred times the rows. About 20 minutes, 20 GB.
 *   --users 1000000    users of the large database; each other table has five rows per user
 *   --rounds 5         how often each request is measured; the best round counts
 *   --record           saves the figures to docs/performance.md
 */
import { parseArgs } from 'node:util';
import { Bench, measureJobs } from './background.ts';
import { type Call, percentile, send, type Work } from './load.ts';
import { cpuMicros, leaveServerCpu } from './processes.ts';
import { machine, table, writeSection } from './report.ts';
import { BUSY_USER, fill, ROWS_PER_USER } from './rows.ts';
import { prepareServer, query, type Server, startServer, USERS } from './servers.ts';
import { OWN_STATEMENT, Stores } from './stores.ts';
import { signInUser, works as allWorks } from './works.ts';

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    record: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const ADMIN = 0;
const PURGE_TIMEOUT_MS = 600_000;

interface Database {
  name: string;
  users: number;
  env: Record<string, string>;
}

/** Figures per request. */
interface Figures {
  cpuMicros: number;
  databaseMicros: number;
  blocks: number;
  p50: number;
}

/** A value for the small database and one for the large database. */
type Pair<T> = [small: T, large: T];

const works: Work[] = [
  ...allWorks
    .filter(({ name }) => !['health', 'invalid', 'sign-in'].includes(name))
    .map((work) => ({ ...work, requests: 1_000 })),
  read(ADMIN, '/v1/users?q=0'),
  // Every row contains one of the searched words.
  { ...read(ADMIN, '/v1/users?q=user-0'), requests: 40 },
  read(ADMIN, '/v1/users?include=total&limit=1'),
  read(BUSY_USER, '/v1/jobs'),
  read(ADMIN, '/v1/jobs?status=failed'),
  read(ADMIN, '/v1/audit-events?type=sign-in-failed'),
  // feature:notifications begin
  read(BUSY_USER, '/v1/notifications'),
  read(BUSY_USER, '/v1/notifications?unread=true'),
  // feature:notifications end
];

leaveServerCpu();
const stores = await Stores.start({ max_wal_size: '8GB' });
const servers: Server[] = [];
process.once('SIGTERM', () => void stopAll().then(() => process.exit(143)));
try {
  const databases: Pair<Database> = [
    await createDatabase('bench_small', USERS),
    await createDatabase('bench_large', Number(options.users)),
  ];
  await stores.resetStatements();
  for (const { env } of databases) servers.push(await startServer('postgres', env));
  const requests = await measureWorks(databases);
  await Promise.all(servers.map((server) => server.stop()));
  const background = await measureBackground(databases);
  const growing = await findGrowing(databases);
  const figures = [requests, background, growing, machine()].join('\n\n');
  console.log(`\n${figures}`);
  if (options.record) writeSection('scale', figures);
} finally {
  await stopAll();
}

async function stopAll(): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
}

async function createDatabase(name: string, users: number): Promise<Database> {
  const env = await prepareServer('postgres', stores, name);
  const start = performance.now();
  await fill(env['DATABASE_URL']!, users);
  const seconds = Math.round((performance.now() - start) / 1_000);
  console.log(`${name}: ${users} users, ${users * ROWS_PER_USER} rows in each other table (${seconds} s)`);
  return { name, users, env };
}

/** The first page of a list, again and again. */
function read(user: number, path: string): Work {
  return {
    name: path,
    title: `\`GET ${path}\``,
    connections: 8,
    requests: 1_000,
    prepare: async (url) => {
      const { accessToken } = await signInUser(url, user);
      const headers = { authorization: `Bearer ${accessToken}` };
      return () => ({ method: 'GET', path, headers, status: 200 });
    },
  };
}

async function measureWorks(databases: Pair<Database>): Promise<string> {
  const rows: string[][] = [];
  for (const work of works) {
    const [small, large] = await measureWork(work, databases);
    const ratio = (key: 'cpuMicros' | 'databaseMicros') => (large[key] / small[key]).toFixed(2);
    const both = (key: keyof Figures, digits = 0) =>
      `${small[key].toFixed(digits)} / ${large[key].toFixed(digits)}`;
    rows.push([
      work.title,
      `${both('cpuMicros')} µs`,
      ratio('cpuMicros'),
      `${both('databaseMicros')} µs`,
      ratio('databaseMicros'),
      both('blocks', 1),
      `${both('p50', 1)} ms`,
    ]);
    console.log(rows.at(-1)!.join(' | '));
  }
  return table(
    ['request', 'CPU of the API', 'ratio', 'time in PostgreSQL', 'ratio', 'blocks read', 'p50'],
    rows,
  );
}

/** The databases take turns, so that a disturbance of the machine hits both. The first round warms up. */
async function measureWork(work: Work, databases: Pair<Database>): Promise<Pair<Figures>> {
  const calls: ((connection: number) => Call)[] = [];
  for (const [index, { env }] of databases.entries())
    calls.push(
      await work.prepare(servers[index]!.url, (sql, values) => query(env['DATABASE_URL']!, sql, values)),
    );
  const measured: Figures[][] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { name }] of databases.entries()) {
      const figures = await measureCalls(work, {
        server: servers[index]!,
        database: name,
        next: calls[index]!,
      });
      if (round > 0) measured[index]!.push(figures);
    }
  }
  return measured.map(bestOf) as Pair<Figures>;
}

/** The best of all rounds, because other programs can only make a round worse. */
function bestOf(measured: Figures[]): Figures {
  const lowest = (key: keyof Figures) => Math.min(...measured.map((figures) => figures[key]));
  return {
    cpuMicros: lowest('cpuMicros'),
    databaseMicros: lowest('databaseMicros'),
    blocks: lowest('blocks'),
    p50: lowest('p50'),
  };
}

async function measureCalls(
  { connections, requests }: Work,
  { server, database, next }: { server: Server; database: string; next: (connection: number) => Call },
): Promise<Figures> {
  const before = await databaseUsage(database);
  const cpuBefore = cpuMicros(server.pid);
  const { latencies } = await send(server.url, next, { connections, requests });
  const cpu = cpuMicros(server.pid) - cpuBefore;
  const after = await databaseUsage(database);
  return {
    cpuMicros: cpu / requests,
    databaseMicros: ((after.seconds - before.seconds) * 1e6) / requests,
    blocks: (after.blocks - before.blocks) / requests,
    p50: percentile(latencies, 0.5),
  };
}

/** The usage of all statements of the database so far. */
async function databaseUsage(database: string): Promise<{ seconds: number; blocks: number }> {
  const usages = [...(await stores.readStatements(database)).values()];
  const sum = (key: 'seconds' | 'blocks') => usages.reduce((total, usage) => total + usage[key], 0);
  return { seconds: sum('seconds'), blocks: sum('blocks') };
}

/** A worker purges the rows that are too old. Another worker then runs jobs, while the table has all its other jobs. */
async function measureBackground(databases: Pair<Database>): Promise<string> {
  const columns: Map<string, string>[] = [];
  for (const { name, env } of databases) {
    const bench = new Bench(env, stores);
    const figures = new Map<string, string>();
    try {
      await bench.work(
        {},
        async () => undefined,
        () => isPurged(bench),
        PURGE_TIMEOUT_MS,
      );
      for (const [text, { rows, seconds, blocks }] of await stores.readStatements(name)) {
        const [, purged] = /^DELETE FROM (\w+) WHERE ctid IN/.exec(text) ?? [];
        if (purged && rows > 0)
          figures.set(
            `purge of ${purged}`,
            `${Math.round(rows / seconds)} rows/s, ${(blocks / rows).toFixed(1)} blocks per row`,
          );
      }
      for (const [title, , rate] of await measureJobs(bench)) figures.set(String(title), String(rate));
    } finally {
      await bench.stop();
    }
    columns.push(figures);
  }
  const [small, large] = columns as Pair<Map<string, string>>;
  const titles = databases.map(({ users }) => `${users.toLocaleString('en')} users`);
  return table(
    ['work', ...titles],
    [...large.keys()].map((work) => [work, small.get(work) ?? '', large.get(work)!]),
  );
}

/** 1 when no old row is left. Rows that became too old within the last hour don't count. */
async function isPurged(bench: Bench): Promise<number | null> {
  const { rowCount } = await bench.db.query(
    `(SELECT ${OWN_STATEMENT} 1 FROM jobs WHERE finished_at < now() - interval '30 days 1 hour' LIMIT 1)
     UNION ALL (SELECT 1 FROM sessions WHERE expires_at < now() - interval '1 day 1 hour' LIMIT 1)`,
  );
  return rowCount === 0 ? 1 : null;
}

/** Statements that read at least twice as many blocks per call in the large database, and at least ten per row. */
async function findGrowing(databases: Pair<Database>): Promise<string> {
  const [small, large] = await Promise.all(databases.map(({ name }) => stores.readStatements(name)));
  const rows = [...large!].flatMap(([text, usage]) => {
    if (text.includes(OWN_STATEMENT)) return [];
    const before = small!.get(text);
    const perCall = usage.blocks / usage.calls;
    if (!before || perCall < 2 * (before.blocks / before.calls) || usage.blocks < 10 * usage.rows) return [];
    if (perCall < 30) return [];
    const blocks = `${(before.blocks / before.calls).toFixed(0)} / ${perCall.toFixed(0)}`;
    const ms = `${((before.seconds / before.calls) * 1e3).toFixed(1)} / ${((usage.seconds / usage.calls) * 1e3).toFixed(1)} ms`;
    return [
      [
        `\`${text.replaceAll(/\s+/g, ' ').slice(0, 100)}\``,
        usage.calls,
        blocks,
        (usage.rows / usage.calls).toFixed(1),
        ms,
      ],
    ];
  });
  if (rows.length === 0)
    return 'No statement reads more than ten blocks per row and twice as many as before.';
  return table(['statement', 'calls', 'blocks per call', 'rows per call', 'time per call'], rows);
}
