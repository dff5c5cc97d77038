/** bin/upgrade [<tag or commit>] [--from <url or path>]: merges a newer version of the template into this clone. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, UsageError } from '../usage-error.ts';
import { newNotes } from './release-notes.ts';
import {
  git,
  readTemplateFile,
  requireCleanTree,
  type TemplateFile,
  tryGit,
  writeTemplateFile,
} from './template-file.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const USAGE = 'Usage: bin/upgrade [<tag or commit>] [--from <url or path>]';
const REFS = 'refs/template';
/** Written again after the merge. Both sides get the files of this clone, so that they never conflict. */
const GENERATED = [
  'openapi.json',
  'schema.graphql',
  'clients/typescript/src/schema.ts',
  '.env.example',
  'docs/events.md',
  'docs/releases',
];
const IDENTITY = [
  '-c',
  'user.name=Template',
  '-c',
  'user.email=template@localhost',
  '-c',
  'commit.gpgsign=false',
];

/** A commit of the template and what `.template.json` says about it. */
interface Version {
  commit: string;
  content: TemplateFile;
}

function fetchTemplate(source: string): void {
  const refs = [`+HEAD:${REFS}/HEAD`, `+refs/heads/*:${REFS}/heads/*`, `+refs/tags/*:${REFS}/tags/*`];
  git(ROOT, 'fetch', '--quiet', '--no-tags', source, ...refs);
}

/** The commit of a tag, branch or commit. Without one: the newest tag, or the latest commit if there is no tag. */
function findTarget(wanted: string | undefined): string {
  const newest = git(
    ROOT,
    'for-each-ref',
    '--sort=-v:refname',
    '--count=1',
    '--format=%(refname)',
    `${REFS}/tags`,
  );
  const candidates = wanted
    ? [`${REFS}/tags/${wanted}`, `${REFS}/heads/${wanted}`, wanted]
    : [newest || `${REFS}/HEAD`];
  for (const candidate of candidates) {
    const { status, stdout } = tryGit(ROOT, 'rev-parse', '--verify', '--quiet', `${candidate}^{commit}`);
    if (status === 0) return stdout.trim();
  }
  throw new UsageError(`The template has no tag, branch or commit ${wanted}.`);
}

/** The commit of the template that this clone contains. */
function findBase({ template }: TemplateFile, target: string): string {
  const recorded = [template.commit ?? 'HEAD', `${REFS}/tags/v${template.version}`];
  for (const candidate of recorded) {
    // The recorded commit may be one of this clone, made before the first rename.
    const { status, stdout } = tryGit(ROOT, 'merge-base', candidate, target);
    if (status === 0) return stdout.trim();
  }
  throw new UsageError(
    `The template has neither the commit nor the tag v${template.version} of .template.json. Set template.commit there.`,
  );
}

/** Makes a commit of the template with the name and the removals of this clone. Returns its id. */
function transform({ commit, content }: Version, parent?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'template-'));
  try {
    git(ROOT, 'worktree', 'add', '--quiet', '--detach', '--force', folder, commit);
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    applyChanges(folder, content);
    for (const path of GENERATED) copyOwn(path, folder);
    writeTemplateFile(folder, content);
    // .gitignore ignores the folder, but not a link with its name.
    rmSync(join(folder, 'node_modules'));
    git(folder, 'add', '--all');
    const tree = git(folder, 'write-tree');
    const parents = parent ? ['-p', parent] : [];
    const message = `chore: upgrade the template to ${commit.slice(0, 12)}`;
    return git(ROOT, ...IDENTITY, 'commit-tree', tree, ...parents, '-m', message);
  } finally {
    tryGit(ROOT, 'worktree', 'remove', '--force', folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the programs of that version, which know its files. */
function applyChanges(folder: string, { name, title, removed }: TemplateFile): void {
  const programs = join(folder, 'scripts/template');
  const before = existsSync(join(folder, '.template.json')) ? readTemplateFile(folder) : undefined;
  if (!before)
    throw new UsageError(
      'That version of the template has no .template.json, so bin/upgrade can’t merge it.',
    );
  if (name !== before.name || title !== before.title) runIn(folder, join(programs, 'rename.ts'), name, title);
  for (const feature of removed) runIn(folder, join(programs, 'remove-feature.ts'), feature);
}

function runIn(folder: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--files-only'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new UsageError(`${args.join(' ')} failed:\n${stdout}${stderr}`);
}

function copyOwn(path: string, folder: string): void {
  rmSync(join(folder, path), { recursive: true, force: true });
  if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
}

/** Applies the difference of the two commits by a three-way merge. Returns the files with conflicts. */
function merge(commit: string): string[] {
  const { status, stderr, stdout } = tryGit(
    ROOT,
    'cherry-pick',
    '--allow-empty',
    '--keep-redundant-commits',
    commit,
  );
  if (status === 0) return [];
  const files = git(ROOT, 'diff', '--name-only', '--diff-filter=U').split('\n').filter(Boolean);
  if (files.length === 0) throw new UsageError(`git cherry-pick failed: ${stderr}${stdout}`);
  return files;
}

const show = (commit: string, file: string): string => tryGit(ROOT, 'show', `${commit}:${file}`).stdout ?? '';

const NEXT = 'Next: npm ci, npm run generate, npm run check, bin/test.';

function report(target: string, conflicts: string[], notes: string): void {
  if (notes) console.log(`Upgrade notes:\n\n${notes}\n`);
  if (conflicts.length === 0) {
    console.log(`Upgraded to ${target} in one commit. ${NEXT}`);
    return;
  }
  console.error(`These files have conflicts:\n  ${conflicts.join('\n  ')}`);
  console.error(
    'Resolve them, then: git add --all && git cherry-pick --continue. To undo: git cherry-pick --abort.',
  );
  console.error(NEXT);
  process.exitCode = 1;
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { from: { type: 'string' } },
  });
  if (positionals.length > 1) throw new UsageError(USAGE);
  requireCleanTree(ROOT);
  const content = readTemplateFile(ROOT);
  const source = values.from ?? content.template.repository;
  if (!source)
    throw new UsageError('.template.json has no repository of the template. Use --from <git URL or path>.');
  fetchTemplate(source);
  const target = findTarget(positionals[0]);
  const base = findBase(content, target);
  if (base === target) {
    console.log(`This clone already contains ${target}.`);
    return;
  }
  const { version } = (JSON.parse(show(target, '.template.json') || '{"template":{}}') as TemplateFile)
    .template;
  const template = { version, commit: target, repository: source };
  const old = transform({ commit: base, content });
  const next = transform({ commit: target, content: { ...content, template } }, old);
  const notes = newNotes(show(base, 'CHANGELOG.md'), show(target, 'CHANGELOG.md'));
  report(target, merge(next), notes);
}

if (import.meta.main) await runProgram(USAGE, main);
