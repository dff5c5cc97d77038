import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readTemplateFile, writeTemplateFile } from '../../scripts/template/template-file.ts';

export interface Result {
  code: number | null;
  /** stdout, then stderr. */
  output: string;
}

/** The output of a program that failed, or empty. Jest shows no output that is matched with `expect.any(String)`. */
export const failureOf = ({ code, output }: Result): string =>
  code === 0 ? '' : `Exit code ${code}\n${output}`;

/** Longer than any program of the tests takes. Jest can't interrupt a program that it waits for. */
const LIMIT_MS = 400_000;
const PROJECT = dirname(dirname(import.meta.dirname));

/** A copy of this project as a git repository with one commit, in a temporary folder. */
export class ProjectCopy {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'project-copy-')));

  /** `from` clones another copy at a commit. */
  constructor(from?: { root: string; commit: string }) {
    if (from) this.git('clone', '--quiet', from.root, '.');
    else this.copyProject();
    if (from) this.git('reset', '--quiet', '--hard', from.commit);
    symlinkSync(join(PROJECT, 'node_modules'), join(this.root, 'node_modules'));
    // A link is not ignored by “node_modules/” in .gitignore.
    writeFileSync(join(this.root, '.git/info/exclude'), 'node_modules\n');
    this.git('config', 'user.name', 'Test');
    this.git('config', 'user.email', 'test@example.com');
    if (!from) this.commit('Copy');
  }

  private copyProject(): void {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
    const files = execFileSync('git', list, { cwd: PROJECT, encoding: 'utf8' }).split('\0').filter(Boolean);
    const present = files.filter((file) => existsSync(join(PROJECT, file)));
    for (const file of present) cpSync(join(PROJECT, file), join(this.root, file));
    this.git('init', '--quiet', '--initial-branch=main');
    this.forgetOrigin();
  }

  /** The file of a product names a commit of the template, which the new repository does not have. */
  private forgetOrigin(): void {
    const { template, ...state } = readTemplateFile(this.root);
    writeTemplateFile(this.root, { ...state, template: { version: template.version } });
  }

  clone(commit: string): ProjectCopy {
    return new ProjectCopy({ root: this.root, commit });
  }

  git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.root, encoding: 'utf8' }).trim();
  }

  commit(message: string): string {
    this.git('add', '--all');
    // The commit is empty if a step changes nothing, such as a rename to the name that a product already has.
    this.git('commit', '--quiet', '--no-verify', '--allow-empty', '--message', message);
    return this.git('rev-parse', 'HEAD');
  }

  /** Runs a program of the copy with Node.js. */
  run(program: string, ...args: string[]): Result {
    return this.start({}, [program, ...args]);
  }

  /** Runs a program of the copy that needs the database server of this run. */
  runWithDatabase(program: string, ...args: string[]): Result {
    return this.start({ DATABASE_URL: process.env.TEST_DATABASE_SERVER_URL }, [program, ...args]);
  }

  /** Runs tests of the copy, with databases on the server of this run. */
  test(...args: string[]): Result {
    return this.runWithDatabase('scripts/test.ts', ...args);
  }

  private start(env: NodeJS.ProcessEnv, args: string[]): Result {
    const options = {
      timeout: LIMIT_MS,
      cwd: this.root,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
    return { code: status, output: `${stdout}${stderr}` };
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.root, file), text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
