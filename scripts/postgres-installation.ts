import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { SetupError } from './processes.ts';

/** Used only by root, if the user of PostgreSQL can't read the clone. */
const ROOT_DATA_DIR = '/var/lib/embedded-postgres';

/** The user that runs PostgreSQL, because it does not run as root. Empty: the current user. */
export interface Account {
  uid?: number;
  gid?: number;
}

export function accountFor(dir: string): Account {
  if (process.getuid?.() !== 0) return {};
  // A folder of another user keeps its owner, so that both users can use it.
  if (fs.existsSync(dir)) {
    const { uid, gid } = fs.statSync(dir);
    if (uid !== 0) return { uid, gid };
  }
  const account = accountNamed('postgres') ?? accountNamed('nobody');
  if (!account) throw new SetupError('PostgreSQL does not run as root. Create a user named postgres.');
  return account;
}

function accountNamed(name: string): Account | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
  return uid?.status === 0 && gid?.status === 0
    ? { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    : undefined;
}

function canReach(account: Account, path: string): boolean {
  if (account.uid === undefined) return true;
  return spawnSync('test', ['-x', path], { ...account, cwd: '/' }).status === 0;
}

/** Other users can't read a clone in /root. Then the data is stored outside the clone. */
export function reachableDir(dir: string, account: Account): string {
  fs.mkdirSync(dirname(dir), { recursive: true });
  if (canReach(account, dirname(dir))) return dir;
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  return join(ROOT_DATA_DIR, `postgres-${name}`);
}

/** `embedded-postgres-16` has the oldest version that is tested: `bin/test --topology postgres-16`. */
export type PostgresPackage = 'embedded-postgres' | 'embedded-postgres-16';

/** The folder with `bin/postgres` and `bin/initdb`. */
export function reachableBinaries(account: Account, from: PostgresPackage): string {
  const { native, version } = packagedBinaries(from);
  linkLibraries(native);
  if (canReach(account, join(native, 'bin/postgres'))) return native;
  const copy = join(ROOT_DATA_DIR, `postgres-binaries-${version}`);
  if (!fs.existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    fs.cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
    fs.renameSync(unfinished, copy);
  }
  return copy;
}

/** The built-in collation provider of PostgreSQL, because systems sort differently. It exists since version 17. */
export function localeOptions(binaries: string): string[] {
  const { stdout } = spawnSync(join(binaries, 'bin/postgres'), ['--version'], { encoding: 'utf8' });
  const isOld = /\(PostgreSQL\) 1[0-6]\b/.test(stdout);
  const locale = isOld
    ? ['--locale=C.UTF-8']
    : ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  return ['--encoding=UTF8', ...locale];
}

function packagedBinaries(from: PostgresPackage): { native: string; version: string } {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  try {
    const require = createRequire(import.meta.resolve(from));
    const root = dirname(dirname(require.resolve(name)));
    const { version } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'));
    return { native: join(root, 'native'), version };
  } catch {
    throw new SetupError(
      `The package ${name} isn't installed: run npm ci, or set DATABASE_URL to a PostgreSQL server.`,
    );
  }
}

/** npm packages can't contain symbolic links. The package creates them in its install script, which npm may skip. */
function linkLibraries(native: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    fs.readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    if (!fs.existsSync(link)) fs.symlinkSync(basename(source), link);
  }
}
