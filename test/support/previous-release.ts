import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../scripts/processes.ts';
import { Program } from './program.ts';
import { System } from './system.ts';

const PROJECT = dirname(dirname(import.meta.dirname));

export const releases = ['previous', 'present'] as const;
export type Release = (typeof releases)[number];

/** One release serves the request, the other one does the rest. */
export const otherReleases: [Release, Release][] = [
  ['previous', 'present'],
  ['present', 'previous'],
];

interface Answer {
  status: number;
  body: any;
}

/** The previous release and the present one on the same database, which both have migrated. */
export class TwoReleases {
  private constructor(
    readonly system: System,
    private readonly previousFolder: string,
    private readonly apis: Record<Release, Program>,
    /** What the present release's migrations printed. */
    readonly migration: { code: number | null; output: string },
    /** Of the requests to the previous release while the migrations ran. */
    readonly statuses: number[],
  ) {}

  /** Installs the previous release, then deploys the present one as docs/guides/run-with-docker.md says. */
  static async start(backend: string, settings: Record<string, string> = {}): Promise<TwoReleases> {
    const folder = String(process.env.TEST_PREVIOUS_RELEASE);
    const system = await System.start({ backend, settings, folder });
    const previous = await system.startApi({}, folder);
    const { exit, output, statuses } = await migrateBesideRequests(system);
    const port = String(await freePort());
    const present = await system.startApi({ PORT: port });
    return new TwoReleases(system, folder, { previous, present }, { code: exit, output }, statuses);
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
async function migrateBesideRequests(system: System) {
  const migration = await Program.start('migrate', system.settings);
  const statuses: number[] = [];
  for (let isRunning = true; isRunning;) {
    const body = JSON.stringify({ displayName: `Change ${statuses.length}` });
    const changed = await system.request('PATCH', '/v1/users/me', body);
    const listed = await system.request('GET', '/v1/users?limit=5');
    statuses.push(changed.status, listed.status);
    isRunning = migration.process.exitCode === null;
  }
  const { code } = await migration.exited;
  return { exit: code, output: migration.output, statuses };
}

/** The folder of the previous release with its compiled programs. Kept in .local for the next run. */
export function buildPreviousRelease(): string {
  const commit = previousRelease();
  const folder = join(PROJECT, '.local/previous-release', commit);
  if (existsSync(join(folder, 'dist/src/main.js'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'release.tar');
  git('archive', '--output', archive, commit);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  installPackages(folder);
  execFileSync(process.execPath, ['--run', 'build'], { cwd: folder, stdio: 'pipe' });
  return folder;
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

function installPackages(folder: string): void {
  const [theirs, ours] = [folder, PROJECT].map((root) => readFileSync(join(root, 'package-lock.json')));
  if (theirs!.equals(ours!)) symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  else execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'pipe' });
}

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: PROJECT, encoding: 'utf8' }).trim();
