import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../usage-error.ts';

/** The content of .template.json: what a clone has changed with the programs in this folder, and its origin. */
export interface TemplateFile {
  name: string;
  title: string;
  /** Features that `npm run remove:feature` has removed. */
  removed: string[];
  /** The template that this clone contains. The template itself has only the version. */
  template: { version: string; commit?: string; repository?: string };
}

const FILE = '.template.json';

export function readTemplateFile(root: string): TemplateFile {
  if (!existsSync(join(root, FILE))) throw new UsageError(`${FILE} is missing. Take it from the template.`);
  return JSON.parse(readFileSync(join(root, FILE), 'utf8')) as TemplateFile;
}

export function writeTemplateFile(root: string, content: TemplateFile): void {
  // In the format of Prettier, so that the check of the format passes.
  const text = JSON.stringify(content, null, 2);
  const removed = content.removed.map((name) => JSON.stringify(name)).join(', ');
  writeFileSync(join(root, FILE), `${text.replace(/"removed": \[[^\]]*\]/, `"removed": [${removed}]`)}\n`);
}

/** Runs git and returns its output. Throws a UsageError with the output of git. */
export function git(root: string, ...args: string[]): string {
  const { status, stdout, stderr } = tryGit(root, ...args);
  if (status !== 0) throw new UsageError(`git ${args[0]} failed: ${(stderr || stdout).trim()}`);
  return stdout.trim();
}

export function tryGit(root: string, ...args: string[]) {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 100 * 1024 * 1024 });
}

/** The programs rewrite many files. Only git can show and undo these changes. */
export function requireCleanTree(root: string): void {
  if (tryGit(root, 'rev-parse', '--git-dir').status !== 0) {
    throw new UsageError('This folder is no git repository. Run: git init && git add . && git commit');
  }
  if (git(root, 'status', '--porcelain')) {
    throw new UsageError('There are uncommitted changes. Commit or stash them first.');
  }
}

/** Remembers the commit of the template, because later commits of this clone are not in the template. */
export function recordOrigin(root: string, content: TemplateFile): void {
  if (content.template.commit || tryGit(root, 'rev-parse', 'HEAD').status !== 0) return;
  content.template.commit = git(root, 'rev-parse', 'HEAD');
  const origin = tryGit(root, 'remote', 'get-url', 'origin').stdout.trim();
  if (origin) content.template.repository = origin;
}
