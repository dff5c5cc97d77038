import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '../usage-error.ts';

/** The changes that a generator makes to the project. */
export interface Change {
  files: Record<string, string>;
  edits: Record<string, (content: string) => string>;
  /** Programs that renew generated files: file → arguments of node. The first builds the code that the others read. */
  programs: Record<string, string[]>;
}

/** Writes new files and edits others. Nothing is written if a new file exists or an edit is impossible. */
export async function applyChange(
  { files, edits, programs }: Change,
  { isDryRun }: { isDryRun: boolean },
): Promise<void> {
  const existing = Object.keys(files).filter((path) => existsSync(path));
  if (existing.length > 0) {
    throw new UsageError(`These files exist, so nothing was written:\n${existing.join('\n')}`);
  }
  const edited = Object.entries(edits).map(
    ([path, edit]) => [path, edit(readFileSync(path, 'utf8'))] as const,
  );
  for (const path of Object.keys(files)) console.log(`  new     ${path}`);
  for (const [path] of edited) console.log(`  change  ${path}`);
  if (isDryRun) return;
  const written = [
    ...Object.entries(files).map(([path, text]) => [path, text.trimStart()] as const),
    ...edited,
  ];
  for (const [path, text] of written) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const paths = written.map(([path]) => path);
  addUnknownWords(paths);
  await run(['node_modules/.bin/prettier', '--write', '--log-level', 'warn', ...paths]);
  const renew = async ([path, program]: [string, string[]]): Promise<void> => {
    await run(program);
    console.log(`  renew   ${path}`);
  };
  const [first, ...others] = Object.entries(programs);
  if (!first) return;
  console.log('Builds the code, and renews what is generated from it …');
  await renew(first);
  await Promise.all(others.map(renew));
}

/** The spelling check of `npm run check` accepts the names of the feature. */
function addUnknownWords(paths: string[]): void {
  const { stdout } = spawnSync(
    process.execPath,
    [
      'node_modules/.bin/cspell',
      '--words-only',
      '--unique',
      '--no-summary',
      '--no-progress',
      '--dot',
      ...paths,
    ],
    { encoding: 'utf8' },
  );
  const unknown = new Set(stdout.split('\n').map((word) => word.trim().toLowerCase()));
  unknown.delete('');
  if (unknown.size === 0) return;
  const known = readFileSync('cspell-words.txt', 'utf8').split('\n').filter(Boolean);
  writeFileSync('cspell-words.txt', `${[...new Set([...known, ...unknown])].toSorted().join('\n')}\n`);
  console.log(`  change  cspell-words.txt (${[...unknown].join(', ')})`);
}

async function run(args: string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, args);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`node ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
