import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../scripts/processes.ts';
import { Program } from './program.ts';
import { System } from './system.ts';

const PROJECT = dirname(dirname(import.meta.dirname));

export const releases = ['previous', 'current'] as const;
export type Release = (typeof releases)[number];

/** The first one gets the request, the second one does the rest of the work. */
export const releasePairs: [Release, Release][] = [
  ['previous', 'current'],
  ['current', 'previous'],
];

interface Answer {
  status: number;
  body: any;
}

/** The previous release and the current one on the same database, with the migrations of both. */
export class TwoReleases {
  private constructor(
    readonly system: System,
    private readonly previousFolder: string,
    private readonly apis: Record<Release, Program>,
    /** The exit code and the output of the current release's migrations. */
    readonly migration: { code: number | null; output: string },
    /** Response statuses of the previous release while the migrations ran. */
    readonly statuses: number[],
  ) {}

  /** Installs the previous release, then deploys the current one as docs/guides/run-with-docker.md says. */
  static async start(backend: string, settings: Record<string, string> = {}): Promise<TwoReleases> {
    const folder = String(process.env.TEST_PREVIOUS_RELEASE);
    const system = await System.start({ backend, settings, folder });
    const previous = await system.startApi({}, folder);
    const { exit, output, statuses } = await migrateDuringRequests(system);
    const port = String(await freePort());
    const current = await system.startApi({ PORT: port });
    return new TwoReleases(system, folder, { previous, current }, { code: exit, output }, statuses);
  }

  urlOf(release: Release): string {
    return this.apis[release].url;
  }

  startWorker(release: Release): Promise<Program> {
    return this.system.startWorker({}, release === 'previous' ? this.previousFolder : undefined);
  }

  /** A request of an administrator. */
  async ask(
    release: Release,
    method: string,
    path: string,
    { body, headers = {}, token }: { body?: object; headers?: Record<string, string>; token?: string } = {},
  ): Promise<Answer> {
    const response = await fetch(this.urlOf(release) + path, {
      method,
      headers: {
        authorization: `Bearer ${token ?? (await this.system.token())}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  }

  stop(): Promise<void> {
    return this.system.stop();
  }
}

/** Changes and reads a user again and again until the migrations of this release have ended. */
async function migrateDuringRequests(system: System) {
  const migration = await Program.start('migrate', system.settings);
  const statuses: number[] = [];
  const { process: child } = migration;
  do {
    const body = JSON.stringify({ displayName: `Change ${statuses.length}` });
    const changed = await system.request('PATCH', '/v1/users/me', body);
    const listed = await system.request('GET', '/v1/users?limit=5');
    statuses.push(changed.status, listed.status);
  } while (child.exitCode === null && child.signalCode === null);
  const { code } = await migration.exited;
  return { exit: code, output: migration.output, statuses };
}

/** The folder of the previous release with its compiled programs. Kept in .local for the next run. */
export function buildPreviousRelease(): string {
  const commit = previousRelease();
  const folder = join(PROJECT, '.local/previous-release', commit);
  if (!existsSync(folder)) build(commit, folder);
  const theirs = readdirSync(join(folder, 'migrations'));
  const added = readdirSync(join(PROJECT, 'migrations')).filter((file) => !theirs.includes(file));
  console.log(`The previous release is ${commit}. New migrations: ${added.join(', ') || 'none'}`);
  return folder;
}

/** Renamed when complete, so that an interrupted build is not used. */
function build(commit: string, folder: string): void {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const archive = join(unfinished, 'release.tar');
  git('archive', '--output', archive, commit);
  execFileSync('tar', ['-xf', archive, '-C', unfinished]);
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: unfinished, stdio: 'pipe' });
  execFileSync(process.execPath, ['--run', 'build'], { cwd: unfinished, stdio: 'pipe' });
  renameSync(unfinished, folder);
}

/** PREVIOUS_RELEASE, or the last tag, or the commit that last wrote docs/releases (npm run release-baseline). */
function previousRelease(): string {
  const given = process.env.PREVIOUS_RELEASE;
  if (given) return git('rev-parse', '--verify', `${given}^{commit}`);
  const tags = git('tag', '--merged', 'HEAD^', '--sort=-version:refname', '--list', 'v*');
  const [newest] = tags.split('\n');
  if (newest) return git('rev-parse', `${newest}^{commit}`);
  const baseline = git('log', '-1', '--format=%H', 'HEAD^', '--', 'docs/releases');
  if (!baseline) throw new Error('There is no previous release: set PREVIOUS_RELEASE to a commit.');
  return baseline;
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: PROJECT, encoding: 'utf8' }).trim();
