/**
 * npm run try-removals: removes features from renamed copies of this clone, each alone and each pair, and checks what is left.
 *   --only webhooks,graphql   this removal
 *   --sample 2 --seed abc     two of all, chosen by the seed (default: the current commit)
 *   --quick                   types, start and documents only, in place of npm run check and the contract tests
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

function allRemovals(): string[][] {
  const { removed } = readTemplateFile(ROOT);
  const names = Object.keys(features).filter((name) => !removed.includes(name));
  const pairs = names.flatMap((first, index) => names.slice(index + 1).map((second) => [first, second]));
  return [...names.map((name) => [name]), ...pairs];
}

/** A choice that looks random and is the same for the same seed. */
function sample(removals: string[][], count: number, seed: string): string[][] {
  const rank = (removal: string[]) => createHash('sha256').update(`${seed} ${removal.join()}`).digest('hex');
  return removals.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count);
}

/** Hard links make the packages of a copy free. Nothing writes into them. */
function makeCopy(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean);
  for (const file of files) if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file));
  execFileSync('cp', ['-al', join(ROOT, 'node_modules'), folder]);
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

function stepsOf(removal: string[], isQuick: boolean): string[][] {
  const remove = removal.map((name) => ['scripts/template/remove-feature.ts', name, '--force']);
  const check = isQuick
    ? [
        ['node_modules/typescript/bin/tsc', '--noEmit'],
        ['scripts/openapi.ts', '--check'],
        ['scripts/check-docs.ts'],
      ]
    : [['scripts/check.ts'], ['scripts/test.ts', ...CONTRACT]];
  return [['scripts/template/rename.ts', ...NAME], ...remove, ...check];
}

/** Returns the output of the first step that failed. */
function failureOf(removal: string[], isQuick: boolean): string | undefined {
  const folder = join(COPIES, removal.join('-'));
  makeCopy(folder);
  for (const step of stepsOf(removal, isQuick)) {
    const options = { cwd: folder, encoding: 'utf8', timeout: STEP_LIMIT_MS } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, step, options);
    if (status !== 0) return `${step.join(' ')}\n${stdout}${stderr}`.trim();
  }
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

function chosen(): { removals: string[][]; isQuick: boolean } {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      sample: { type: 'string' },
      seed: { type: 'string' },
      quick: { type: 'boolean' },
    },
  });
  const only = values.only?.split(',');
  const unknown = only?.find((name) => !(name in features));
  if (unknown) throw new UsageError(`There is no feature ${unknown}.`);
  const seed = values.seed ?? git(ROOT, 'rev-parse', 'HEAD');
  const all = allRemovals();
  const count = Number(values.sample ?? all.length);
  return { removals: only ? [only] : sample(all, count, seed), isQuick: values.quick ?? false };
}

function main(): void {
  const { removals, isQuick } = chosen();
  for (const removal of removals) {
    const startedAt = Date.now();
    const failure = failureOf(removal, isQuick);
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    console.log(`${failure ? '✗' : '✓'} without ${removal.join(' and ')} (${seconds} s)`);
    if (!failure) continue;
    console.error(
      `${failure}\nThe copy is in ${COPIES}. Repeat: npm run try-removals -- --only ${removal.join()}`,
    );
    process.exitCode = 1;
  }
}

if (import.meta.main) await runProgram(main);
