import type { ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { watch } from 'chokidar';
import { DEFAULT_PORT as WEBHOOK_RECEIVER_PORT } from './demo/webhook-receiver.ts';
import { DevProcesses } from './dev-processes.ts';
import { fakeProviderPorts, startFakeProviders } from './dev-providers.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { becomesTrue, isPortFree, SetupError } from './processes.ts';

const root = dirname(import.meta.dirname);
process.chdir(root);
if (existsSync('.env')) process.loadEnvFile('.env');
process.env.NODE_ENV ??= 'development';

const { env } = process;
const HOST = env.HOST || 'localhost';
const PORT = Number(env.PORT || 3000);
const METRICS_PORT = Number(env.METRICS_PORT || 9464);
const READY_TIMEOUT_MS = 60_000;
const RESTART_PATIENCE_MS = 5_000;
/** A little more than the processes give themselves. */
const STOP_PATIENCE_MS = (Number(env.SHUTDOWN_DEADLINE_SECONDS || 25) + 3) * 1000;
/** Under `npm run dev` one Ctrl-C reaches us twice: from the terminal and passed on by npm. */
const SAME_CTRL_C_MS = 500;

// Where bin/demo starts a receiver of webhooks, which the worker would take for a private address and refuse.
const receiver = `127.0.0.1:${env.WEBHOOK_RECEIVER_PORT || WEBHOOK_RECEIVER_PORT}`;
if (env.NODE_ENV !== 'production') {
  env.WEBHOOK_ALLOW_PRIVATE = [env.WEBHOOK_ALLOW_PRIVATE, receiver].filter(Boolean).join(',');
}

const FAKE_PROVIDER_PORTS = fakeProviderPorts(env);
let fakeProviderSettings: Record<string, string> = {};

const processes = new DevProcesses(env);
let postgres: Promise<EmbeddedPostgres> | undefined;
let apps: ChildProcess[] = [];
let codeHasChanged = false;
let stopping: { since: number; done: Promise<never> } | undefined;

async function start(): Promise<void> {
  await requirePorts();
  await startDatabase();
  rmSync('dist', { recursive: true, force: true });
  await processes.run('build', ['--run', 'build']);
  await processes.run('migrate', ['dist/src/migrate.js']);
  await processes.run('seed', ['dist/src/seed.js']);
  if (FAKE_PROVIDER_PORTS.length > 0)
    fakeProviderSettings = await startFakeProviders(processes, onFakeProvidersEnd);
  startApps();
  watchSources();
  await untilReady();
  if (!stopping) await showBox();
}

async function requirePorts(): Promise<void> {
  const ports = [
    { name: 'PORT', port: PORT, host: HOST },
    { name: 'METRICS_PORT', port: METRICS_PORT, host: '0.0.0.0' },
    ...FAKE_PROVIDER_PORTS.map((port) => ({ name: 'FAKE_PROVIDERS_PORT', port, host: '127.0.0.1' })),
  ];
  for (const { name, port, host } of ports) {
    // The processes of a bin/dev that was killed a moment ago are just ending.
    if (await becomesTrue(() => isPortFree(port, host), 1_500)) continue;
    throw new SetupError(
      `Port ${port} is in use: stop what listens there, or choose another, as in: ${name}=${port + 10} bin/dev`,
    );
  }
}

async function startDatabase(): Promise<void> {
  if (env.DATABASE_URL) return;
  postgres = startEmbeddedPostgres({ dir: join(root, '.local/postgres') });
  const { url, dir, exited } = await postgres;
  env.DATABASE_URL = url;
  void exited.then(() => {
    if (stopping) return;
    console.error(`bin/dev stops: PostgreSQL has ended by itself; see ${dir}/postgres.log.`);
    void stop(1);
  });
}

function onFakeProvidersEnd(how: string): void {
  if (stopping) return;
  console.error(`bin/dev stops: the fake providers ended (${how}), for the reason above.`);
  void stop(1);
}

function startApps(): void {
  const programs = [
    {
      name: 'api',
      file: 'dist/src/main.js',
      env: { ...fakeProviderSettings, METRICS_PORT: String(METRICS_PORT + 1) },
    },
    { name: 'worker', file: 'dist/src/worker.js', env: { METRICS_PORT: String(METRICS_PORT) } },
  ];
  apps = programs.map(({ name, file, env: extra }) =>
    processes.start(name, file, extra, (how) => {
      if (stopping) return;
      if (codeHasChanged)
        return console.error(`${name} ended (${how}); the next change of the code starts it again.`);
      console.error(`bin/dev stops: ${name} ended (${how}), for the reason above.`);
      void stop(1);
    }),
  );
}

function watchSources(): void {
  let restarts = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let changed: string[] = [];
  const restartSoon = (): void => {
    clearTimeout(timer);
    // Editors and git write several files in one go.
    timer = setTimeout(() => {
      const paths = changed;
      changed = [];
      restarts = restarts.then(() => restart(paths)).catch((error: unknown) => console.error(error));
    }, 100);
  };
  watch(['src', 'migrations'], { ignoreInitial: true, ignored: (path) => path.endsWith('.spec.ts') })
    .on('all', (_event, path) => {
      changed.push(path);
      restartSoon();
    })
    .on('error', (error) => console.error(`Changes are not noticed any more: ${String(error)}`));
}

async function restart(changed: string[]): Promise<void> {
  if (stopping) return;
  codeHasChanged = true;
  const gone = changed.filter((path) => !existsSync(path));
  for (const path of gone)
    rmSync(join('dist', path.replace(/\.ts$/, '.js')), { recursive: true, force: true });
  try {
    await processes.run('build', ['--run', 'build']);
    if (changed.some((path) => path.startsWith('migrations'))) {
      await processes.run('migrate', ['dist/src/migrate.js']);
    }
  } catch {
    if (!stopping) console.error('Not restarted: what ran before still runs.');
    return;
  }
  if (stopping) return;
  await Promise.all(apps.map((app) => processes.end(app, RESTART_PATIENCE_MS)));
  if (!stopping) startApps();
}

async function untilReady(): Promise<void> {
  // An address that means "all of them" can be listened on, but not called.
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[HOST] ?? HOST;
  const urls = [`http://${host}:${PORT}/health/ready`, `http://127.0.0.1:${METRICS_PORT}/health/ready`];
  const areReady = async (): Promise<boolean> => {
    if (stopping) return true;
    await sleep(100);
    const answers = await Promise.all(urls.map((url) => fetch(url).catch(() => undefined)));
    return answers.every((answer) => answer?.ok);
  };
  if (await becomesTrue(areReady, READY_TIMEOUT_MS)) return;
  throw new SetupError(
    `bin/dev stops: the API and the worker were not ready within ${READY_TIMEOUT_MS / 1000} s; ask ${urls.join(' and ')} why.`,
  );
}

async function showBox(): Promise<void> {
  const url = env.PUBLIC_URL || `http://localhost:${PORT}`;
  const admin = env.ADMIN_EMAIL || 'admin@example.com';
  const adminPassword = env.ADMIN_PASSWORD ? '(ADMIN_PASSWORD)' : 'development-only-admin';
  const lines = [
    ['API', url],
    ['Docs', `${url}/docs`],
    ['Client', `${url}/reference-client/`],
    ['Queues', `${url}/admin/queues`],
    ['Health', `${url}/health/ready`],
    ['Mail', env.SMTP_URL ? 'sent through SMTP_URL' : env.MAIL_DIR || '.local/mail'],
    ['Sign in', `${admin} / ${adminPassword}`],
    ['', 'user@example.com / development-only-user'],
    ...fakeProviderLines(),
    ['Webhooks', `may go to ${receiver}, where bin/demo receives them`],
    ['Queue', env.REDIS_URL ? 'Redis, at REDIS_URL' : 'PostgreSQL (REDIS_URL is empty)'],
    ['Database', postgres ? `embedded, in ${shortened((await postgres).dir)}` : 'at DATABASE_URL'],
  ].map(([name, value]) => `│ ${name?.padEnd(9)} ${value}`);
  const rule = '─'.repeat(58);
  console.log([`┌${rule}`, ...lines, `└${rule}`, 'Changes restart it; Ctrl-C stops everything.'].join('\n'));
}

function fakeProviderLines(): string[][] {
  const { GOOGLE_ISSUER, GITHUB_BASE_URL, APPLE_ISSUER } = fakeProviderSettings;
  if (!GOOGLE_ISSUER) return [];
  const addresses = [GOOGLE_ISSUER, GITHUB_BASE_URL, APPLE_ISSUER].map((url = '') => new URL(url).host);
  return [['Providers', `fake providers for Google, GitHub, Apple at ${addresses.join(', ')}`]];
}

function shortened(path: string): string {
  return path.startsWith(root) ? relative(root, path) : path;
}

/** Ends what was started in the opposite order: the database last, when nobody needs it any more. */
function stop(code: number): Promise<never> {
  stopping ??= { since: Date.now(), done: stopAll(code) };
  return stopping.done;
}

async function stopAll(code: number): Promise<never> {
  await processes.endAll(STOP_PATIENCE_MS);
  const server = await postgres?.catch(() => undefined);
  await server?.stop();
  process.exit(code);
}

function onSignal(): void {
  if (!stopping) {
    console.log('Stopping (again to stop at once).');
    void stop(0);
  } else if (Date.now() - stopping.since > SAME_CTRL_C_MS) {
    processes.killAll();
    void postgres?.then((server) => process.kill(server.pid, 'SIGQUIT'));
    setTimeout(() => process.exit(130), 200);
  }
}

// A terminal that was closed can't be written to, which is no reason to end before the others have.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

start().catch((error: unknown) => {
  if (stopping) return;
  console.error(error instanceof SetupError ? error.message : error);
  void stop(1);
});
