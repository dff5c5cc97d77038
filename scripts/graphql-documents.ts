/**
 * Registers the .graphql files of a client's folder as trusted documents: `node scripts/graphql-documents.ts <folder>`.
 * With --check, fails when the committed list differs.
 */
import { buildSchema, parse, validate } from 'graphql';
import { createHash } from 'node:crypto';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const ROOT = dirname(import.meta.dirname);
const FILE = join(ROOT, 'src/platform/graphql/trusted-documents.json');

const folders = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = folders.flatMap((folder) => globSync(join(folder, '**/*.graphql'))).toSorted();
if (files.length === 0)
  fail('Usage: node scripts/graphql-documents.ts [--check] <folder of .graphql files> …');

const schema = buildSchema(readFileSync(join(ROOT, 'schema.graphql'), 'utf8'));

/** The id and the exact text that a client sends. */
function register(file: string): [id: string, text: string] {
  const text = readFileSync(file, 'utf8');
  const [error] = validate(schema, parse(text));
  if (error) fail(`${file}: ${error.message}`);
  return [createHash('sha256').update(text).digest('hex'), text];
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const manifest = JSON.stringify(Object.fromEntries(files.map(register)));
const text = await format(manifest, { ...(await resolveConfig(FILE)), parser: 'json' });
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  fail('trusted-documents.json is not current: run npm run graphql-documents and commit it.');
}
