import { watch } from 'chokidar';
import type { ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reservePorts } from './dev-ports.ts';
import { DevProcesses } from './dev-processes.ts';
import { usesFakeProviders, startFakeProviders } from './dev-providers.ts';
import { claimClone, saveDevState } from './dev-state.ts';
import { startTraces } from './dev-traces.ts';
import { chooseReceiverPort, receiverOf } from './dev-webhooks.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { becomesTrue, removePostgresSettings, SetupError } from './processes.ts';

const root = dirname(import.meta.dirname);
process.chdir(root);
if (existsSync('.env')) process.loadEnvFile('.env');
// Ignores NODE_ENV of the shell, because tests and production have other programs.
process.env.NODE_ENV = 'development';

const { env } = process;
const HOST = env.HOST || 'localhost';
const READY_TIMEOUT_MS = 60_000;
const RESTART_TIMEOUT_MS = 5_000;
/** Slightly longer than the deadline of the processes themselves. */
const STOP_TIMEOUT_MS = (Number(env.SHUTDOWN_DEADLINE_SECONDS || 25) + 3) * 1000;
/** Under `npm run dev` one Ctrl-C arrives twice: from the terminal and from npm. */
const SAME_CTRL_C_MS = 500;

/** Settings that the other programs of the clone need, such as bin/demo. */
const SHARED_SETTINGS = [
  'PORT',
  'METRICS_PORT',
  'FAKE_PROVIDERS_PORT',
  'WEBHOOK_RECEIVER_PORT',
  'WEBHOOK_ALLOW_PRIVATE',
  'DATABASE_URL',
  'REDIS_URL',
  'REDIS_CLUSTER',
  'MAIL_DIR',
  'ADMIN_EMAIL',
  'ADMIN_PASSWORD',
];

let ports = { api: 0, metrics: 0 };
let traces = '';
let providerSettings: Record<string, string> = {};

const processes = new DevProcesses(env);
let postgres: Promise<EmbeddedPostgres> | undefined;
let apps: ChildProcess[] = [];
let codeHasChanged = false;
let stopping: { since: number; done: Promise<never> } | undefined;

async function start(): Promise<void> {
  claimClone(root);
  ports = await choosePorts();
  traces = await startTraces(env, ports.metrics);
  await startDatabase();
  shareState();
  rmSync('dist', { recursive: true, force: true });
  await processes.run('build', ['--run', 'build']);
  await processes.run('migrate', ['dist/src/migrate.js']);
  await processes.run('seed', ['dist/src/seed.js']);
  if (usesFakeProviders(env)) providerSettings = await startFakeProviders(processes, onProvidersExit);
  startApps();
  watchSources();
  await untilReady();
  if (!stopping) await showBox();
}

/** Sets the chosen ports in the environment, so that all programs derive the same URLs from them. */
async function choosePorts(): Promise<{ api: number; metrics: number }> {
  const { PORT, METRICS_PORT, FAKE_PROVIDERS_PORT } = env;
  const api = await reservePorts({ name: 'PORT', value: PORT, fallback: 3000, host: HOST, count: 1 });
  const metrics = await reservePorts({
    name: 'METRICS_PORT',
    value: METRICS_PORT,
    fallback: 9464,
    host: '0.0.0.0',
    count: 2,
  });
  env.PORT = String(api);
  env.METRICS_PORT = String(metrics);
  if (usesFakeProviders(env)) {
    const name = 'FAKE_PROVIDERS_PORT';
    const fallback = 9501;
    const providers = { name, value: FAKE_PROVIDERS_PORT, fallback, host: '127.0.0.1', count: 3 };
    env.FAKE_PROVIDERS_PORT = String(await reservePorts(providers));
  }
  await chooseReceiverPort(env);
  return { api, metrics };
}

const apiUrl = (): string => env.PUBLIC_URL || `http://localhost:${ports.api}`;

function shareState(): void {
  const settings = SHARED_SETTINGS.flatMap((name) => (env[name] ? [[name, env[name]]] : []));
  saveDevState(root, { url: apiUrl(), settings: Object.fromEntries(settings) });
}

async function startDatabase(): Promise<void> {
  if (env.DATABASE_URL) return;
  removePostgresSettings(env);
  postgres = startEmbeddedPostgres({ dir: join(root, '.local/postgres') });
  const { url, dir, exited } = await postgres;
  env.DATABASE_URL = url;
  void exited.then(() => {
    if (stopping) return;
    console.error(`bin/dev stops: PostgreSQL exited. See ${dir}/postgres.log.`);
    void stop(1);
  });
}

function onProvidersExit(how: string): void {
  if (stopping) return;
  console.error(`bin/dev stops: the fake providers exited (${how}). See the error above.`);
  void stop(1);
}

function startApps(): void {
  const programs = [
    {
      name: 'api',
      file: 'dist/src/main.js',
      env: { ...providerSettings, METRICS_PORT: String(ports.metrics + 1) },
    },
    { name: 'worker', file: 'dist/src/worker.js', env: { METRICS_PORT: String(ports.metrics) } },
  ];
  apps = programs.map(({ name, file, env: extra }) =>
    processes.start(name, file, extra, (how) => {
      if (stopping) return;
      if (codeHasChanged) return console.error(`${name} exited (${how}). The next code change restarts it.`);
      console.error(`bin/dev stops: ${name} exited (${how}). See the error above.`);
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
    // Editors and git write several files at once.
    timer = setTimeout(() => {
      const paths = changed;
      changed = [];
      restarts = restarts.then(() => restart(paths)).catch((error: unknown) => console.error(error));
    }, 100);
  };
  watch(['src', 'migrations', 'clients/typescript/src'], {
    ignoreInitial: true,
    ignored: (path) => path.endsWith('.spec.ts'),
  })
    .on('all', (_event, path) => {
      changed.push(path);
      restartSoon();
    })
    .on('error', (error) => console.error(`Can no longer watch for changes: ${String(error)}`));
}

async function restart(changed: string[]): Promise<void> {
  if (stopping) return;
  codeHasChanged = true;
  const gone = changed.filter((path) => !existsSync(path));
  for (const path of gone)
    rmSync(join('dist', path.replace(/\.ts$/, '.js')), { recursive: true, force: true });
  try {
    await processes.run('build', ['--run', 'build']);
    // Always, because a migration may have been undone, or may have failed at an earlier change.
    await processes.run('migrate', ['dist/src/migrate.js']);
  } catch {
    if (!stopping) console.error('Not restarted. The previous version is still running.');
    return;
  }
  if (stopping) return;
  await Promise.all(apps.map((app) => processes.stop(app, RESTART_TIMEOUT_MS)));
  if (!stopping) startApps();
}

async function untilReady(): Promise<void> {
  // A server can listen on a wildcard address, but clients can't call it.
  const host = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[HOST] ?? HOST;
  const urls = [`http://${host}:${ports.api}/health/ready`, `http://127.0.0.1:${ports.metrics}/health/ready`];
  const areReady = async (): Promise<boolean> => {
    if (stopping) return true;
    await sleep(100);
    const answers = await Promise.all(urls.map((url) => fetch(url).catch(() => undefined)));
    return answers.every((answer) => answer?.ok);
  };
  if (await becomesTrue(areReady, READY_TIMEOUT_MS)) return;
  throw new SetupError(
    `bin/dev stops: the API and the worker were not ready within ${READY_TIMEOUT_MS / 1000} s. For the reason, open ${urls.join(' and ')}.`,
  );
}

async function showBox(): Promise<void> {
  const url = apiUrl();
  const admin = env.ADMIN_EMAIL || 'admin@example.com';
  const adminPassword = env.ADMIN_PASSWORD ? '(ADMIN_PASSWORD)' : 'development-only-admin';
  const lines = [
    ['API', url],
    ['Docs', `${url}/docs`],
    ['Client', `${url}/reference-client/`],
    ['Queues', `${url}/admin/queues`],
    ['Traces', traces],
    ['Health', `${url}/health/ready`],
    ['Emails', env.SMTP_URL ? 'sent through SMTP_URL' : env.MAIL_DIR || '.local/mail'],
    ['Sign in', `${admin} / ${adminPassword}`],
    ['', 'user@example.com / development-only-user'],
    ...providerLines(),
    ['Webhooks', `allowed to ${receiverOf(env)}, where bin/demo receives them`],
    ['Queue', env.REDIS_URL ? 'Redis, at REDIS_URL' : 'PostgreSQL (REDIS_URL is empty)'],
    ['Database', postgres ? `embedded, in ${shortened((await postgres).dir)}` : 'at DATABASE_URL'],
  ].map(([name, value]) => `│ ${name?.padEnd(9)} ${value}`);
  const rule = '─'.repeat(58);
  console.log(
    [`┌${rule}`, ...lines, `└${rule}`, 'Code changes restart it. Ctrl-C stops everything.'].join('\n'),
  );
}

const PROVIDERS: [name: string, url: string][] = [
  ['Google', 'GOOGLE_ISSUER'],
  ['GitHub', 'GITHUB_BASE_URL'],
  ['Apple', 'APPLE_ISSUER'],
];

function providerLines(): string[][] {
  const fakes = PROVIDERS.flatMap(([name, url]) => {
    const set = providerSettings[url];
    return set ? [`${name} ${new URL(set).host}`] : [];
  });
  return fakes.length > 0 ? [['Providers', `fake ${fakes.join(', ')}`]] : [];
}

function shortened(path: string): string {
  return path.startsWith(root) ? relative(root, path) : path;
}

/** Stops everything in reverse order: the database last. */
function stop(code: number): Promise<never> {
  stopping ??= { since: Date.now(), done: stopAll(code) };
  return stopping.done;
}

async function stopAll(code: number): Promise<never> {
  await processes.stopAll(STOP_TIMEOUT_MS);
  const server = await postgres?.catch(() => undefined);
  await server?.stop();
  process.exit(code);
}

function onSignal(): void {
  if (!stopping) {
    console.log('Stopping. Press Ctrl-C again to stop immediately.');
    void stop(0);
  } else if (Date.now() - stopping.since > SAME_CTRL_C_MS) {
    processes.killAll();
    void postgres?.then((server) => process.kill(server.pid, 'SIGQUIT'));
    setTimeout(() => process.exit(130), 200);
  }
}

// Writing to a closed terminal fails. Ignore that, so that the child processes are still stopped in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

start().catch((error: unknown) => {
  if (stopping) return;
  console.error(error instanceof SetupError ? error.message : error);
  void stop(1);
});
