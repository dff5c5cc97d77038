/** npm run remove:feature -- <name>: removes a feature that a product does not need. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, UsageError } from '../usage-error.ts';
import { importsOf, removeCode } from './code-removal.ts';
import { removeFromDocs, removeMarked } from './docs-removal.ts';
import { features } from './features.ts';
import { generate, runChild } from './generate.ts';
import { removeFromPackage, usedPackages } from './package-removal.ts';
import {
  git,
  readTemplateFile,
  recordOrigin,
  requireCleanTree,
  type TemplateFile,
  tryGit,
  writeTemplateFile,
} from './template-file.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const USAGE = `Usage: npm run remove:feature -- <name>
  name  one of ${Object.keys(features).join(', ')}`;

/** Matches nothing. */
const NEVER = /(?!)/;

/** Files that the template doesn't have. Undefined if the git history doesn't contain the template. */
function productFiles(root: string, { template }: TemplateFile): string[] | undefined {
  const listed = tryGit(root, 'ls-tree', '-r', '--name-only', template.commit ?? 'HEAD');
  if (listed.status !== 0) return undefined;
  const ofTemplate = new Set(listed.stdout.split('\n'));
  return git(root, 'ls-files')
    .split('\n')
    .filter((file) => !ofTemplate.has(file));
}

/**
 * The program can't know what the product's own code should do without the feature. The product's files that are part of
 * the feature, such as its resolvers, are removed with it, and so are their imports.
 */
function requireUnused(root: string, name: string, ofProduct: string[] | undefined): void {
  if (!ofProduct) {
    throw new UsageError(
      'The git history does not contain the commit of .template.json, so the files of your product are unknown. ' +
        'Get the whole history with git fetch --unshallow, or add --force and read the diff.',
    );
  }
  const removed = new Set(globSync(features[name]!.files, { cwd: root }));
  const users = ofProduct.filter(
    (file) =>
      file.endsWith('.ts') &&
      !removed.has(file) &&
      importsOf(readFileSync(join(root, file), 'utf8'))
        .map(({ path }) => join(dirname(file), path))
        .some((path) => removed.has(path) && !ofProduct.includes(path)),
  );
  if (users.length === 0) return;
  throw new UsageError(
    `These files of your product use ${name}. Remove the uses first, or add --force and read the diff:\n  ${users.join('\n  ')}`,
  );
}

/** Removes the code and what the documents say about it. Returns the changed and the deleted files. */
export function removeFiles(root: string, name: string): { changed: string[]; deleted: string[] } {
  const { files, names = NEVER, strings = NEVER, docs } = features[name]!;
  const usedBefore = usedPackages(root);
  const marked = removeMarked(root, name);
  const owned = globSync(files, { cwd: root }).filter((file) => /\.\w+$/.test(file));
  const code = removeCode(root, { files: owned, names, strings });
  const documents = removeFromDocs(root, docs);
  removeFromPackage(root, features[name]!, usedBefore);
  const changed = new Set([...marked, ...code.changed, ...documents, 'package.json']);
  return { changed: [...changed].filter((file) => !code.deleted.has(file)), deleted: [...code.deleted] };
}

function format(root: string, files: string[]): void {
  const formatted = files.filter(
    (file) => /\.(ts|js|md|json|yml)$/.test(file) && existsSync(join(root, file)),
  );
  const prettier = ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn'];
  runChild(root, process.execPath, ...prettier, ...formatted);
}

/** Writes the lock file and the generated files again, and the release baseline, because the removal breaks clients. */
function finish(root: string): void {
  runChild(
    root,
    'npm',
    'install',
    '--package-lock-only',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
  );
  generate(root);
  runChild(root, 'npm', 'run', '--silent', 'release-baseline');
}

function reportOwnFiles(files: string[]): void {
  if (files.length > 0) console.log(`Also in your own files:\n  ${files.join('\n  ')}`);
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { force: { type: 'boolean' }, 'files-only': { type: 'boolean' } },
  });
  const [name] = positionals;
  if (!name || !(name in features) || positionals.length > 1) throw new UsageError(USAGE);
  const content = readTemplateFile(ROOT);
  if (content.removed.includes(name)) {
    console.log(`${name} is already removed.`);
    return;
  }
  const isGuarded = !values['files-only'] && !values.force;
  if (isGuarded) requireCleanTree(ROOT);
  recordOrigin(ROOT, content);
  const ofProduct = productFiles(ROOT, content);
  if (isGuarded) requireUnused(ROOT, name, ofProduct);
  const { changed, deleted } = removeFiles(ROOT, name);
  content.removed = [...content.removed, name].toSorted();
  writeTemplateFile(ROOT, content);
  console.log(`Removed ${name}: deleted ${deleted.length} files, changed ${changed.length}.`);
  reportOwnFiles([...changed, ...deleted].filter((file) => ofProduct?.includes(file)));
  format(ROOT, changed);
  if (values['files-only']) return;
  finish(ROOT);
  console.log('Next: read git diff, run npm run check and bin/test, and commit.');
}

if (import.meta.main) await runProgram(USAGE, main);
