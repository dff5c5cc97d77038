/** Checks that the links, file paths, names and commands in the docs exist, and that their imports are allowed. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

process.chdir(dirname(import.meta.dirname));

const CODE_SPAN = /(?<!`)`([^`\n]+)`(?!`)/g;
const LINK = /\]\(([^)\s]+)\)/g;
const FENCE = /^```[\s\S]*?^```/gm;
/** For example `src/main.ts`, `test/e2e/` and `openapi.json`. */
const PATH =
  /^(?:src|test|scripts|migrations|docs|docker|bin|clients)\/[\w.@/-]*$|^[\w-]+\.(?:ts|js|json|md|ya?ml|toml)$/;
/** Names with capitals, for example `JobHandler`, `defineProblem()`, `@Endpoint` and `DATABASE_URL`. */
const NAME = /^@?((?=\w*[A-Z])[A-Za-z]\w{3,})(?:\(.*\))?(?:=.*)?$/;
/** `npm run check`, `bin/test` and `node dist/src/main.js`, also in code blocks. */
const COMMAND = /\bnpm run ([\w:-]+)|(?<![\w/.-])(bin\/[\w-]+)|\bnode dist\/(src\/\w+)\.js/g;
/** In code, from another feature: `from '../jobs/job-definition.ts'`. */
const IMPORT = /from '\.\.\/((?!platform\/)[\w-]+\/[\w./-]+\.ts)'/g;
/** Files and names that the reader of a guide adds. */
const EXAMPLES = /bookmark|invoices[./]|boards[./]|mail-?purge|gitlab|acme/i;
/** Names of other systems that no file of this project contains. */
const FOREIGN = new Set(['preStop', 'NOWAIT', 'forwardRef', 'openAsBlob', 'localStorage']);

const scripts = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> })
  .scripts;
const sources = globSync([
  '{src,test,scripts,migrations,docker,bin,clients}/**/*.*',
  '*.{js,json,yml,toml,example}',
  '.*.{js,json}',
  '.github/workflows/*.yml',
  'bin/*',
])
  .filter((path) => !path.startsWith('package-lock') && /\.\w+$|^bin\//.test(path))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');
const knownNames = new Set(sources.match(/[A-Za-z_]\w+/g));
const fileNames = new Set(
  globSync('{src,test,scripts,migrations,docs,docker,clients}/**/*.*').map((path) => basename(path)),
);

/** The rules for imports between features. */
const { default: importRules } = (await import(`${process.cwd()}/.dependency-cruiser.js`)) as {
  default: { forbidden: { name: string; to: { pathNot: string[] } }[] };
};
const publicFiles = importRules.forbidden.find(({ name }) => name === 'features-meet-at-their-front')!.to
  .pathNot;

const faults = globSync(['*.md', '{docs,clients}/**/*.md'])
  .filter((file) => file !== 'CHANGELOG.md')
  .toSorted()
  .flatMap(faultsIn);

function faultsIn(file: string): string[] {
  const whole = readFileSync(file, 'utf8');
  const text = whole.replaceAll(FENCE, '');
  const spans = [...text.matchAll(CODE_SPAN)]
    .map(([, span = '']) => span)
    .filter((span) => !EXAMPLES.test(span));
  const paths = spans.filter((span) => PATH.test(span));
  const names = spans.flatMap((span) => NAME.exec(span)?.[1] ?? []);
  const links = [...text.matchAll(LINK)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
  return [
    ...[...whole.matchAll(IMPORT)].flatMap(([, path = '']) => importFault(file, path)),
    ...[
      ...paths.filter((path) => !existsSync(path) && !fileNames.has(path)),
      ...names.filter((name) => !knownNames.has(name) && !FOREIGN.has(name)),
      ...[...whole.matchAll(COMMAND)].flatMap(missingCommand),
      ...links.filter((link) => !targetExists(file, link)),
    ].map((target) => `${file}: ${target} does not exist`),
  ];
}

/** `npm run check` must not reject what a reader copies. */
function importFault(file: string, path: string): string[] {
  if (EXAMPLES.test(path)) return [];
  if (!existsSync(`src/${path}`)) return [`${file}: src/${path} does not exist`];
  const isPublic = publicFiles.some((pattern) => new RegExp(pattern).test(`src/${path}`));
  return isPublic ? [] : [`${file}: no feature may import src/${path}: see .dependency-cruiser.js`];
}

function missingCommand([command, script, bin, program]: RegExpMatchArray): string[] {
  const exists = script ? script in scripts : existsSync(bin ?? `${program}.ts`);
  return exists ? [] : [command];
}

function targetExists(file: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path ? join(dirname(file), path) : file;
  if (!existsSync(target)) return false;
  return !anchor || anchorsOf(target).includes(anchor);
}

/** The anchors that GitHub makes from headings. */
function anchorsOf(file: string): string[] {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** Coding agents read AGENTS.md before every task. */
const AGENTS_MAX_BYTES = 8_192;
if (statSync('AGENTS.md').size > AGENTS_MAX_BYTES)
  faults.push(`AGENTS.md has more than ${AGENTS_MAX_BYTES} bytes`);

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
