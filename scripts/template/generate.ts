/** npm run generate: writes all generated files again, after a merge or a removal. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runProgram, UsageError } from '../usage-error.ts';

/** Scripts of package.json, in this order. The last ones read what the first ones write. */
const GENERATORS = ['openapi', 'graphql-schema', 'client', 'events-page', 'graphql-documents', 'env-example'];

export function generate(root: string): void {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  for (const name of GENERATORS) if (name in scripts) runChild(root, 'npm', 'run', '--silent', name);
}

/** Runs a program, and throws its output when it fails. */
export function runChild(root: string, program: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0)
    throw new UsageError(`${program} ${args.slice(0, 4).join(' ')} failed:\n${stdout}${stderr}`);
}

if (import.meta.main)
  await runProgram('Usage: npm run generate', () => generate(dirname(dirname(import.meta.dirname))));
