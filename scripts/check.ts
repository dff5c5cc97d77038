/** npm run check: everything. npm run check -- tables docs: only these. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

process.chdir(dirname(import.meta.dirname));
mkdirSync('.local/check', { recursive: true });

const bin = (name: string): string => join('node_modules/.bin', name);

/** Each is a Node program with its arguments. */
const checks: Record<string, string[]> = {
  types: [bin('tsc'), '--noEmit', '--incremental', '--tsBuildInfoFile', '.local/check/tsc.json'],
  'page types': [
    bin('tsc'),
    '-p',
    'tsconfig.pages.json',
    '--noEmit',
    '--incremental',
    '--tsBuildInfoFile',
    '.local/check/tsc-pages.json',
  ],
  lint: [bin('oxlint'), '--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  format: [bin('prettier'), '--check', '.', '--cache', '--cache-location', '.local/check/prettier.json'],
  imports: [
    bin('depcruise'),
    'src',
    'migrations',
    'test',
    'scripts',
    'bench',
    '--config',
    '.dependency-cruiser.js',
    // With the explanation of the violated rule.
    '--output-type',
    'err-long',
  ],
  words: ['scripts/check-words.ts'],
  docs: ['scripts/check-docs.ts'],
  'feature guide': ['scripts/check-feature-guide.ts'],
  parameters: ['scripts/check-parameters.ts'],
  tables: ['scripts/check-tables.ts'],
  migrations: ['scripts/check-migrations.ts'],
  'licences and secrets': ['scripts/audit.ts', '--offline'],
  'authorization matrix': ['scripts/check-matrix.ts'],
  // Generated from the built code, so this builds first.
  'API documents': ['--run', 'check-api-documents'],
  'trusted-documents.json': ['--run', 'graphql-documents', '--', '--check'],
  'openapi.json rules': ['scripts/check-openapi-rules.ts'],
  'TypeScript client': ['--run', 'client', '--', '--check'],
  'docs/events.md': ['scripts/events-page.ts', '--check'],
  'breaking changes': ['scripts/check-breaking-changes.ts'],
  '.env.example': ['scripts/env-example.ts', '--check'],
};

interface Result {
  name: string;
  hasPassed: boolean;
  output: string;
}

function run(name: string, args: string[]): Promise<Result> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`${code === 0 ? '✓' : '✗'} ${name.padEnd(13)} ${seconds} s`);
      resolve({ name, hasPassed: code === 0, output });
    });
  });
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}. There are: ${Object.keys(checks).join(', ')}.`);
  process.exit(1);
}
const selected = Object.entries(checks).filter(([name]) => chosen.length === 0 || chosen.includes(name));
const results = await Promise.all(selected.map(([name, args]) => run(name, args)));
const failed = results.filter((result) => !result.hasPassed);
for (const { name, output } of failed) console.error(`\n── ${name}\n${output.trim()}`);
process.exitCode = failed.length > 0 ? 1 : 0;
