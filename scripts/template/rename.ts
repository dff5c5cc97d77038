/** bin/rename <name> [title]: gives this clone the name of a product. */
import { copyFileSync, existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, UsageError } from '../usage-error.ts';
import { git, readTemplateFile, recordOrigin, requireCleanTree, writeTemplateFile } from './template-file.ts';

interface Names {
  name: string;
  title: string;
}

const USAGE = `Usage: bin/rename <name> ["Title for people"] [--force]
  name   for packages, images, the database and Fly.io, for example acme-billing
  title  for emails and documents. Default: made from the name, for example Acme Billing`;

const NAME_MAX = 30;
/** Names that npm or PostgreSQL does not accept. */
const RESERVED = new Set([...builtinModules, 'node-modules', 'postgres', 'public', 'template0', 'template1']);

/** All places of the name. The context makes sure that a short name is not replaced elsewhere. */
const PLACES: Record<string, string[]> = {
  'package.json': ['"name": "{name}"', '"title": "{title}"'],
  'package-lock.json': ['"name": "{name}"'],
  'README.md': ['# {title}\n'],
  'clients/typescript/package.json': ['"name": "{name}-client"', 'client of the {title} API'],
  'clients/typescript/README.md': ["'{name}-client'", "'{name}-client/browser'"],
  'fly.toml': ['app = "{name}"', 'https://{name}.fly.dev'],
  'docker-compose.yml': [
    '\nname: {name}\n',
    '//{database}:development-only@postgres:5432/{database}',
    'POSTGRES_USER: {database}',
    'POSTGRES_DB: {database}',
    '-U, {database}, -d, {database}',
  ],
  'docker-compose.production.yml': ['\nname: {name}-production\n', 'image: {name}:'],
  Dockerfile: ['docker build -t {name} .', 'docker run {name} node'],
  'docs/guides/run-with-docker.md': ['--tag {name} .', 'no-new-privileges {name}\n'],
  // Generated from the code, which has the name from package.json.
  '.env.example': ['MAIL_FROM={title} <'],
  'openapi.json': ['"title": "{title} API"', '"name": "{name}"'],
  'docs/releases/openapi.json': ['"title": "{title} API"', '"name": "{name}"'],
};

const WORDS = 'cspell-words.txt';

export function checkNames({ name, title }: Names): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > NAME_MAX || name.length < 2) {
    throw new UsageError(
      `“${name}” can't be the name: use 2 to ${NAME_MAX} lower-case letters and digits in parts joined by “-”, starting with a letter.`,
    );
  }
  // PostgreSQL reserves users that begin with pg_.
  if (RESERVED.has(name) || name.startsWith('pg-')) {
    throw new UsageError(`“${name}” can't be the name: npm or PostgreSQL reserves it.`);
  }
  if (!/^[\p{L}\p{N}][\p{L}\p{N} &-]{0,59}$/u.test(title)) {
    throw new UsageError(`“${title}” can't be the title: use up to 60 letters, digits, spaces, “&” and “-”.`);
  }
}

/** Renames the files in a folder. Returns the changed files, so a second run returns none. */
export function renameFiles(root: string, next: Names): string[] {
  const content = readTemplateFile(root);
  const changed = Object.entries(PLACES)
    .filter(
      ([file, places]) => existsSync(join(root, file)) && renameIn(join(root, file), places, content, next),
    )
    .map(([file]) => file);
  if (addWords(join(root, WORDS), next)) changed.push(WORDS);
  return changed;
}

function renameIn(path: string, places: string[], old: Names, next: Names): boolean {
  const before = readFileSync(path, 'utf8');
  const after = places.reduce(
    (text, place) => text.replaceAll(fill(place, old), () => fill(place, next)),
    before,
  );
  if (after !== before) writeFileSync(path, after);
  return after !== before;
}

const fill = (place: string, { name, title }: Names): string =>
  place
    .replaceAll('{name}', name)
    .replaceAll('{title}', title)
    .replaceAll('{database}', name.replaceAll('-', '_'));

/** The spelling check accepts the words of the name. */
function addWords(path: string, { name, title }: Names): boolean {
  const words = readFileSync(path, 'utf8').trimEnd().split('\n');
  const known = new Set(words.map((word) => word.toLowerCase()));
  const added = new Set(
    `${name} ${title.toLowerCase()}`.split(/[^\p{L}]+/u).filter((word) => word.length >= 4),
  );
  const missing = [...added].filter((word) => !known.has(word));
  if (missing.length > 0) writeFileSync(path, `${[...words, ...missing].join('\n')}\n`);
  return missing.length > 0;
}

/** Lines that still contain the old name. A name of one word may be a common word, so only longer names are searched. */
function linesWithOldName(root: string, { name, title }: Names): string[] {
  const patterns = [name, title, name.replaceAll('-', '_')].filter((text) => /[ _-]/.test(text));
  if (patterns.length === 0) return [];
  const search = patterns.flatMap((text) => ['-e', text]);
  try {
    return git(root, 'grep', '-nIiF', ...search, '--', '.', ':!CHANGELOG.md').split('\n');
  } catch {
    return [];
  }
}

/** bin/ commands compare package-lock.json with its installed copy. The packages are the same, so don't install again. */
function keepInstalled(root: string, wasInstalled: boolean): void {
  const copy = join(root, 'node_modules/.installed-package-lock.json');
  if (!wasInstalled) return;
  copyFileSync(join(root, 'package-lock.json'), `${copy}.new`);
  renameSync(`${copy}.new`, copy);
}

function isInstalled(root: string): boolean {
  // Packages behind a link belong to another folder.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  const copy = join(root, 'node_modules/.installed-package-lock.json');
  return existsSync(copy) && readFileSync(copy).equals(readFileSync(join(root, 'package-lock.json')));
}

const titleOf = (name: string): string =>
  name.replaceAll(
    /(^|-)([a-z0-9])/g,
    (_match, dash: string, letter: string) => `${dash && ' '}${letter.toUpperCase()}`,
  );

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { force: { type: 'boolean' }, 'files-only': { type: 'boolean' } },
  });
  const [name, title = titleOf(name ?? '')] = positionals;
  if (!name || positionals.length > 2) throw new UsageError(USAGE);
  const root = dirname(dirname(import.meta.dirname));
  const next = { name, title };
  checkNames(next);
  // For bin/upgrade, which renames a copy of the template.
  if (values['files-only']) {
    renameTo(root, next);
    return;
  }
  if (!values.force) requireCleanTree(root);
  report(root, next);
}

function report(root: string, next: Names): void {
  const old = readTemplateFile(root);
  const wasInstalled = isInstalled(root);
  const changed = renameTo(root, next);
  keepInstalled(root, wasInstalled);
  if (changed.length === 0) {
    console.log(`The name is already ${next.name} (${next.title}).`);
    return;
  }
  console.log(
    `Renamed ${old.name} (${old.title}) to ${next.name} (${next.title}) in:\n  ${changed.join('\n  ')}`,
  );
  const left = linesWithOldName(root, old);
  if (left.length > 0) console.log(`The old name is still in these lines:\n  ${left.join('\n  ')}`);
  console.log('Next: check LICENSE, SECURITY.md and the URLs in fly.toml, run npm run check, and commit.');
}

function renameTo(root: string, next: Names): string[] {
  const changed = renameFiles(root, next);
  const content = readTemplateFile(root);
  if (content.name !== next.name || content.title !== next.title) changed.push('.template.json');
  recordOrigin(root, content);
  writeTemplateFile(root, { ...content, ...next });
  return changed;
}

if (import.meta.main) await runProgram(USAGE, main);
