/**
 * npm run try-removals: removes features from renamed copies of this clone, each alone and each pair, and checks what is left.
 *   --only webhooks,graphql   this removal
 *   --sample --seed abc       one feature and one pair, chosen by the seed (default: the current commit). For CI: the checks
 *                             of --quick and the contract tests
 *   --quick                   only the checks that find missing code, instead of npm run check and the contract tests
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { features } from './features.ts';
import { git, readTemplateFile, UsageError, runProgram } from './template-file.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const COPIES = join(ROOT, '.local/removals');
const STEP_LIMIT_MS = 10 * 60_000;
const NAME = ['try-out', 'Try Out'];

/** Start the whole application and compare it with its document. */
const CONTRACT = ['document', 'conventions', 'authorization-matrix'].map(
  (name) => `test/contract/${name}.spec.ts`,
);
/** “API documents” builds and starts the application. */
const QUICK_CHECKS = [
  'types',
  'page types',
  'API documents',
  'docs',
  'authorization matrix',
  'feature guide',
];
/** Of the incremental compiler. A copy checks only what the removal has changed. */
const CACHES = ['.local/check/tsc.json', '.local/check/tsc-pages.json'];

interface Trial {
  removals: string[][];
  /** Run in the copy after each removal. */
  steps: string[][];
  seed: string;
}

function allRemovals(): { single: string[][]; pairs: string[][] } {
  const { removed } = readTemplateFile(ROOT);
  const names = Object.keys(features).filter((name) => !removed.includes(name));
  const pairs = names.flatMap((first, index) => names.slice(index + 1).map((second) => [first, second]));
  return { single: names.map((name) => [name]), pairs };
}

/** A choice that looks random and is the same for the same seed. None of none. */
function choose(removals: string[][], seed: string): string[][] {
  const rank = (removal: string[]) => createHash('sha256').update(`${seed} ${removal.join()}`).digest('hex');
  return removals.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, 1);
}

/** Hard links make the packages of a copy free. Nothing writes into them. */
function makeCopy(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean);
  for (const file of files) if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  execFileSync('cp', ['-al', join(ROOT, 'node_modules'), folder]);
  for (const file of CACHES) if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  git(folder, 'init', '--quiet');
  git(folder, 'add', '--all');
  git(
    folder,
    '-c',
    'user.name=Try',
    '-c',
    'user.email=try@localhost',
    'commit',
    '--quiet',
    '--message',
    'Copy',
  );
}

/** Returns the output of the first step that failed. */
function failureOf(removal: string[], steps: string[][]): string | undefined {
  const folder = join(COPIES, removal.join('-'));
  makeCopy(folder);
  const remove = removal.map((name) => ['scripts/template/remove-feature.ts', name, '--force']);
  for (const step of [['scripts/template/rename.ts', ...NAME], ...remove, ...steps]) {
    const options = { cwd: folder, encoding: 'utf8', timeout: STEP_LIMIT_MS } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, step, options);
    if (status !== 0) return `Step: ${step.join(' ')}\n${stdout}${stderr}`.trim();
  }
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

function readArguments(): Trial {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'boolean' },
      seed: { type: 'string' },
      quick: { type: 'boolean' },
    },
  });
  const only = values.only?.split(',');
  const unknown = only?.find((name) => !(name in features));
  if (unknown) throw new UsageError(`There is no feature ${unknown}.`);
  const seed = values.seed ?? git(ROOT, 'rev-parse', 'HEAD');
  const { single, pairs } = allRemovals();
  const tests = ['scripts/test.ts', ...CONTRACT];
  const quick = ['scripts/check.ts', ...QUICK_CHECKS];
  if (values.sample)
    return { removals: [...choose(single, seed), ...choose(pairs, seed)], steps: [quick, tests], seed };
  const removals = only ? [only] : [...single, ...pairs];
  return { removals, steps: values.quick ? [quick] : [['scripts/check.ts'], tests], seed };
}

function main(): void {
  const { removals, steps, seed } = readArguments();
  for (const removal of removals) {
    const startedAt = Date.now();
    const failure = failureOf(removal, steps);
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    console.log(`${failure ? '✗' : '✓'} without ${removal.join(' and ')} (${seconds} s)`);
    if (!failure) continue;
    const repeat = `npm run try-removals -- --only ${removal.join()}`;
    console.error(`${failure}\nSeed: ${seed}\nThe copy is in ${COPIES}. Repeat: ${repeat}`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await runProgram(main);
