/** npm run remove:feature -- <name>: removes a feature that a product does not need. */
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeCode } from './code-removal.ts';
import { removeFromDocs, removeMarked } from './docs-removal.ts';
import { features } from './features.ts';
import { generate, runChild } from './generate.ts';
import { removeFromPackage, usedPackages } from './package-removal.ts';
import {
  readTemplateFile,
  recordOrigin,
  requireCleanTree,
  runProgram,
  UsageError,
  writeTemplateFile,
} from './template-file.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const USAGE = `Usage: npm run remove:feature -- <name>
  name  one of ${Object.keys(features).join(', ')}`;

/** Matches nothing. */
const NEVER = /(?!)/;

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
  const formatted = files.filter((file) => /\.(ts|js|md|json)$/.test(file) && existsSync(join(root, file)));
  const prettier = ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn'];
  runChild(root, process.execPath, ...prettier, ...formatted);
}

/** Writes the lock file and the generated files again. The removal breaks clients, so the baseline of the last release too. */
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
  if (!values['files-only'] && !values.force) requireCleanTree(ROOT);
  recordOrigin(ROOT, content);
  const { changed, deleted } = removeFiles(ROOT, name);
  content.removed = [...content.removed, name].toSorted();
  writeTemplateFile(ROOT, content);
  console.log(`Removed ${name}: deleted ${deleted.length} files, changed ${changed.length}.`);
  format(ROOT, changed);
  if (values['files-only']) return;
  finish(ROOT);
  console.log('Next: read git diff, run npm run check and bin/test, and commit.');
}

if (import.meta.main) await runProgram(main);
