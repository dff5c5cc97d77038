/** Checks that every link and every file path in the docs exists. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

process.chdir(dirname(import.meta.dirname));

/** Paths in code spans, such as `src/main.ts`. The guides also name files that the reader adds. */
const CODE_SPAN = /`((?:src|test|scripts|migrations|docs|docker|bin)\/[\w./-]*)`/g;
const LINK = /\]\(([^)\s]+)\)/g;
const FENCE = /^```[\s\S]*?^```/gm;
const EXAMPLES = /bookmark|mail-purge|gitlab|acme/;

const faults = globSync(['*.md', 'docs/**/*.md']).toSorted().flatMap(faultsIn);

function faultsIn(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(FENCE, '');
  const paths = [...text.matchAll(CODE_SPAN)]
    .map(([, path = '']) => path)
    .filter((path) => !EXAMPLES.test(path));
  const links = [...text.matchAll(LINK)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
  return [
    ...paths.filter((path) => !existsSync(path)),
    ...links.filter((link) => !targetExists(file, link)),
  ].map((target) => `${file}: ${target} does not exist`);
}

function targetExists(file: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path ? join(dirname(file), path) : file;
  if (!existsSync(target)) return false;
  return !anchor || anchorsOf(target).includes(anchor);
}

/** As GitHub makes them of headings. */
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

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
