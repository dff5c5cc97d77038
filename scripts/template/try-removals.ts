/** npm run try-removals -- --help */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, UsageError } from '../usage-error.ts';
import { features } from './features.ts';
import { git, readTemplateFile } from './template-file.ts';

const USAGE = `Usage: npm run try-removals
Removes features from renamed copies of this clone, each alone and each pair. Then npm run check, tests of the contract
and the tests that the removal has changed must pass.
  --only webhooks,graphql   this removal
  --quick                   only the checks that find missing code
  --sample                  one feature, and a second one after it, chosen by the commit: the checks of --quick, the linter and
                            two tests of the contract. For CI
  --seed abc                chooses the sample instead of the commit`;
const ROOT = dirname(dirname(import.meta.dirname));
const COPIES = join(ROOT, '.local/removals');
const STEP_LIMIT_MS = 20 * 60_000;
const NAME = ['try-out', 'Try Out'];

/** remove:feature itself builds and starts the application, and writes the API documents. */
const QUICK_CHECKS = ['types', 'page types', 'docs', 'authorization matrix', 'feature guide'];
/** Also finds unused variables and imports. */
const SAMPLE_CHECKS = [...QUICK_CHECKS, 'lint'];
const QUICK_CONTRACT = ['test/contract/document.spec.ts', 'test/contract/conventions.spec.ts'];
const CONTRACT = [...QUICK_CONTRACT, 'test/contract/authorization-matrix.spec.ts'];
/** Caches of the incremental compiler, so that a copy checks only what the removal has changed. */
const CACHES = ['.local/check/tsc.json', '.local/check/tsc-pages.json'];

type Mode = 'whole' | 'quick' | 'sample';

interface Trial {
  mode: Mode;
  seed: string;
}

function folderOf(removal: string[]): string {
  return join(COPIES, removal.join('-'));
}

/** A choice that looks random and is the same for the same seed. */
function choose<T>(items: T[], count: number, seed: string): T[] {
  const rank = (item: T) =>
    createHash('sha256')
      .update(`${seed} ${String(item)}`)
      .digest('hex');
  return items.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count);
}

/** Links the packages, because copying them takes time and space. Nothing writes into them. */
function makeCopy(from: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const files = execFileSync('git', list, { cwd: from, encoding: 'utf8' }).split('\0').filter(Boolean);
  for (const file of [...files, ...CACHES]) {
    if (existsSync(join(from, file))) cpSync(join(from, file), join(folder, file));
  }
  execFileSync('cp', ['-al', join(ROOT, 'node_modules'), folder]);
  git(folder, 'init', '--quiet');
  commitAll(folder);
}

function commitAll(folder: string): void {
  git(folder, 'add', '--all');
  const author = ['-c', 'user.name=Try', '-c', 'user.email=try@localhost', '-c', 'commit.gpgsign=false'];
  git(folder, ...author, 'commit', '--quiet', '--allow-empty', '--message', 'Try');
}

/** The tests that the removal has changed, without fault tests, which take minutes. */
function changedTests(folder: string): string[] {
  const changed = git(folder, 'diff', '--name-only', '--diff-filter=M', 'HEAD~1', '--', '*.spec.ts').split(
    '\n',
  );
  return changed.filter((file) => file && !file.startsWith('test/faults/'));
}

/** Programs of the copy with their arguments. */
function stepsAfter(folder: string, { mode }: Trial): string[][] {
  if (mode === 'quick') return [['scripts/check.ts', ...QUICK_CHECKS]];
  if (mode === 'whole')
    return [['scripts/check.ts'], ['scripts/test.ts', ...CONTRACT, ...changedTests(folder)]];
  return [
    ['scripts/check.ts', ...SAMPLE_CHECKS],
    ['scripts/test.ts', ...QUICK_CONTRACT],
  ];
}

/** Returns the output of the first step that failed. */
function firstFailure(folder: string, steps: string[][]): string | undefined {
  for (const step of steps) {
    const options = { cwd: folder, encoding: 'utf8', timeout: STEP_LIMIT_MS } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, step, options);
    if (status !== 0) return `Step: node ${step.join(' ')}\n${stdout}${stderr}`.trim();
  }
  return undefined;
}

function failureOf(removal: string[], trial: Trial, from: string): string | undefined {
  const folder = folderOf(removal);
  makeCopy(from, folder);
  const { removed } = readTemplateFile(folder);
  const missing = removal.filter((name) => !removed.includes(name));
  const remove = missing.map((name) => ['scripts/template/remove-feature.ts', name, '--force']);
  const failure = firstFailure(folder, [['scripts/template/rename.ts', ...NAME], ...remove]);
  if (failure) return failure;
  commitAll(folder);
  return firstFailure(folder, stepsAfter(folder, trial));
}

/** Copies `from`, which is a copy without some of the features or this clone. Prints the result. */
function tryRemoval(removal: string[], trial: Trial, from = ROOT): boolean {
  const startedAt = Date.now();
  const failure = failureOf(removal, trial, from);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  console.log(`${failure ? '✗' : '✓'} without ${removal.join(' and ')} (${seconds} s)`);
  if (!failure) return true;
  const options = trial.mode === 'sample' ? `--sample --seed ${trial.seed}` : `--only ${removal.join()}`;
  console.error(
    `${failure}\nThe copy is in ${folderOf(removal)}. Repeat: npm run try-removals -- ${options}`,
  );
  process.exitCode = 1;
  return false;
}

/** Removes a feature, then each of the others from a copy of the result. Keeps the copies that fail. */
function tryWithOthers(first: string, others: string[], trial: Trial): void {
  const hasPassed = tryRemoval([first], trial);
  for (const other of others) {
    const pair = [first, other];
    if (tryRemoval(pair, trial, folderOf([first]))) rmSync(folderOf(pair), { recursive: true });
  }
  if (hasPassed) rmSync(folderOf([first]), { recursive: true });
}

function trySample(names: string[], seed: string): void {
  if (readTemplateFile(ROOT).template.commit) {
    console.log('No sample is tried in a product, because its own code may use any feature.');
    return;
  }
  const [first, ...others] = choose(names, 2, seed);
  console.log(`Sample of removals: ${[first, ...others].join(', then ')}. Seed: ${seed}`);
  if (first) tryWithOthers(first, others, { mode: 'sample', seed });
}

function main(): void {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'boolean' },
      seed: { type: 'string', default: git(ROOT, 'rev-parse', 'HEAD') },
      quick: { type: 'boolean' },
    },
  });
  const { removed } = readTemplateFile(ROOT);
  const names = Object.keys(features).filter((name) => !removed.includes(name));
  const only = values.only?.split(',');
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown) throw new UsageError(`There is no feature ${unknown}. There are: ${names.join(', ')}.`);
  const trial: Trial = { mode: values.quick ? 'quick' : 'whole', seed: values.seed };
  if (values.sample) trySample(names, values.seed);
  else if (only) tryRemoval(only, trial);
  else names.forEach((name, index) => tryWithOthers(name, names.slice(index + 1), trial));
}

if (import.meta.main) await runProgram(USAGE, main);
