import { spawnSync } from 'node:child_process';
import { chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { EmbeddedPostgres } from '../../scripts/embedded-postgres.ts';
import { accountFor, reachableDir } from '../../scripts/postgres-installation.ts';
import { startTestPostgres } from './database.ts';
import { newPostgresDir } from './test-run.ts';

/** Copies a running server and starts the copy as its streaming replica (PostgreSQL manual, section 25.3.4). */
export async function startReplica(primary: EmbeddedPostgres): Promise<EmbeddedPostgres> {
  const given = newPostgresDir();
  const dir = reachableDir(given, accountFor(given));
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  await client.query(`SELECT pg_backup_start('replica', true)`);
  copy(primary.dir, dir);
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  await client.end();
  const data = join(dir, 'data');
  rmSync(join(data, 'postmaster.pid'));
  const { uid, gid } = statSync(data);
  const files = { backup_label: rows[0]!.labelfile, 'standby.signal': '' };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, name), text);
    chownSync(join(data, name), uid, gid);
  }
  return restartReplica(primary, given);
}

/** `dir` is the folder of the replica. */
export function restartReplica(primary: EmbeddedPostgres, dir: string): Promise<EmbeddedPostgres> {
  const { hostname, port, username, password } = new URL(primary.url);
  const connection = `host=${hostname} port=${port} user=${username} password=${password}`;
  return startTestPostgres(dir, { primary_conninfo: connection });
}

/** Keeps the owner of the files. A running server may remove some files during the copy. */
function copy(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const { stderr } = spawnSync('cp', ['--archive', from, to], { encoding: 'utf8' });
  const faults = stderr.split('\n').filter((line) => line && !line.includes('No such file'));
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
