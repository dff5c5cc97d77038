import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountFor } from '../../scripts/postgres-installation.ts';
import { becomesTrue, freePort } from '../../scripts/processes.ts';
import { rememberProcess } from './test-run.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 10_000;

export interface PgBouncer {
  port: number;
  stop(): Promise<void>;
}

/** The URL of the same database through a pooler. Default: the one of `bin/test --topology pooler`, if any. */
export function pooled(databaseUrl: string, port = process.env.TEST_POOLER_PORT): string {
  const url = new URL(databaseUrl);
  if (port) url.port = port;
  return url.href;
}

/** PgBouncer in transaction mode, in front of each database of a server. Few connections, so that clients share them. */
export async function startPgBouncer(serverUrl: string): Promise<PgBouncer> {
  if (spawnSync('pgbouncer', ['--version']).status !== 0)
    throw new Error('There is no PgBouncer. Install pgbouncer.');
  const port = await freePort(HOST);
  // Not in the folder of the run, which the user of PgBouncer may not be able to read.
  const dir = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  const account = accountFor(dir);
  const server = new URL(serverUrl);
  const files = {
    'users.txt': `"${server.username}" "${server.password}"\n`,
    'pgbouncer.ini': configurationOf(server, port, join(dir, 'users.txt')),
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    give(join(dir, name), account);
  }
  give(dir, account);
  const pooler = spawn('pgbouncer', [join(dir, 'pgbouncer.ini')], { ...account, cwd: dir, stdio: 'ignore' });
  if (pooler.pid) rememberProcess('pgbouncer', pooler.pid);
  if (!(await becomesTrue(() => accepts(port), START_TIMEOUT_MS)))
    throw new Error(`pgbouncer does not start on port ${port}.`);
  return { port, stop: () => stop(pooler, dir) };
}

const configurationOf = (server: URL, port: number, usersFile: string): string => `
[databases]
* = host=${server.hostname} port=${server.port}

[pgbouncer]
listen_addr = ${HOST}
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${usersFile}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 2000
server_login_retry = 1
`;

function give(path: string, { uid, gid }: { uid?: number; gid?: number }): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  const accepted = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return accepted;
}

async function stop(pooler: ChildProcess, dir: string): Promise<void> {
  if (pooler.exitCode === null && pooler.signalCode === null) {
    const ended = once(pooler, 'exit');
    pooler.kill('SIGTERM');
    await ended;
  }
  rmSync(dir, { recursive: true, force: true });
}
