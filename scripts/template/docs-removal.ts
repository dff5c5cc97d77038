/** Removes what the documents say about a removed feature. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const DOCUMENTS = ['*.md', 'docs/**/*.md', 'clients/**/*.md'];
/** History, and pages that are generated. */
const SKIPPED = ['CHANGELOG.md', 'docs/events.md', 'docs/guides/make-it-yours.md'];
const MARKED = [
  '{src,test,scripts,bench,migrations,docs,docker,clients,bin}/**/*.*',
  '*.*',
  'Dockerfile',
  'bin/*',
  '.ci/run',
  '.*.js',
  '.*.json',
  '.dockerignore',
];
const MARKER = /\bfeature:([\w,-]+)(?: (begin|end))?\b/;

/** Removes lines with the marker `feature:<name>`, and the lines from `feature:<name> begin` to `end`. */
export function removeMarked(root: string, name: string): string[] {
  const files = globSync(MARKED, { cwd: root }).filter((file) => isText(file));
  return files.filter((file) =>
    rewrite(join(root, file), (text) => {
      if (!text.includes('feature:')) return text;
      let isInside = false;
      const kept = text.split('\n').filter((line) => {
        const [found, names = '', edge] = MARKER.exec(line) ?? [];
        const isOurs = found !== undefined && names.split(',').includes(name);
        if (isOurs && edge) isInside = edge === 'begin';
        return !isOurs && !isInside;
      });
      return kept.join('\n');
    }),
  );
}

const isText = (file: string): boolean =>
  !/^(scripts\/template|docs\/guides\/make-it-yours|package-lock|openapi|node_modules)/.test(file) &&
  /\.(ts|js|md|yml|toml|json|css|html|example)$|^(Dockerfile|\.dockerignore)$|^bin\/|^\.ci/.test(file);

/** Removes sections, rows, list items and sentences that match. Returns the changed files. */
export function removeFromDocs(root: string, pattern: RegExp): string[] {
  const files = globSync(DOCUMENTS, { cwd: root }).filter(
    (file) => !SKIPPED.includes(file) && !file.startsWith('node_modules'),
  );
  return files.filter((file) =>
    rewrite(join(root, file), (text) => {
      const withoutLinks = removeLinks(text, join(root, dirname(file)));
      return removeEmptyParts(
        blocksOf(withoutLinks).flatMap((block) => removeFrom(block, pattern)),
        pattern,
      );
    }),
  );
}

function rewrite(path: string, change: (text: string) => string): boolean {
  const before = readFileSync(path, 'utf8');
  const after = change(before);
  if (after !== before) writeFileSync(path, after);
  return after !== before;
}

/** `[text](missing.md)` loses its link. In a list of links separated by “·”, the whole entry is removed. */
function removeLinks(text: string, folder: string): string {
  const isMissing = (target: string) =>
    !/^[a-z]+:|^#/.test(target) && !existsSync(join(folder, target.split('#')[0]!));
  return text
    .replaceAll(
      /(^| · )\[[^\]]*\]\(([^)\s]+)\)( · ?)?/gm,
      (found: string, before: string, target: string, after = '') =>
        isMissing(target) ? (before && after ? after : '') : found,
    )
    .replaceAll(/,? ?\(\[[^\]]*\]\(([^)\s]+)\)\)/g, (found: string, target: string) =>
      isMissing(target) ? '' : found,
    )
    .replaceAll(/, \[[^\]]*\]\(([^)\s]+)\)/g, (found: string, target: string) =>
      isMissing(target) ? '' : found,
    )
    .replaceAll(/\[([^\]]*)\]\(([^)\s]+)\)/g, (found: string, label: string, target: string) =>
      isMissing(target) ? label : found,
    );
}

/** Code blocks, and blocks of text between empty lines. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let fence = '';
  for (const part of text.split(/\n{2,}/)) {
    if (fence) blocks[blocks.length - 1] += `\n\n${part}`;
    else blocks.push(part);
    for (const [mark] of part.matchAll(/^```/gm)) fence = fence ? '' : mark;
  }
  return blocks;
}

function removeFrom(block: string, pattern: RegExp): string[] {
  if (!pattern.test(block) || block.startsWith('#')) return [block];
  if (/^```/m.test(block)) return removeFromCode(block, pattern);
  const lines = block.split('\n');
  const isList = /^\s*([-*|]|\d+\.) ?/.test(lines[0]!) || lines.some((line) => /^\s*[-*] /.test(line));
  const left = isList
    ? itemsOf(lines).flatMap((item) => removeFromItem(item, pattern))
    : [withoutSentences(block, pattern)];
  return left.join('\n').trim() ? [left.join('\n')] : [];
}

/** An item of several sentences keeps those that are not about the feature. */
function removeFromItem(item: string, pattern: RegExp): string[] {
  if (!pattern.test(item)) return [item];
  const left = item.startsWith('|') ? '' : withoutSentences(item, pattern);
  return /^\s*([-*]|\d+\.) \S/.test(left) ? [left] : [];
}

/** A diagram or a shell example loses lines. Other examples are removed: their other lines may not work alone. */
function removeFromCode(block: string, pattern: RegExp): string[] {
  if (!/^```(mermaid|sh)/m.test(block)) return [];
  return [
    block
      .split('\n')
      .filter((line) => !pattern.test(line))
      .join('\n'),
  ];
}

/** Rows, and list items with their further lines. */
function itemsOf(lines: string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    if (items.length > 0 && /^\s{2,}\S/.test(line) && !/^\s*[-*] /.test(line))
      items[items.length - 1] += `\n${line}`;
    else items.push(line);
  }
  return items;
}

/** From a list in a sentence, only the matching part is removed. */
function withoutSentences(paragraph: string, pattern: RegExp): string {
  const sentences = paragraph.replaceAll('\n', ' ').split(/(?<=[.:!?]) (?=[A-Z`[<])/);
  return sentences
    .flatMap((sentence) => (pattern.test(sentence) ? withoutParts(sentence, pattern) : [sentence]))
    .join(' ');
}

const PART_WORDS_MAX = 4;

function withoutParts(sentence: string, pattern: RegExp): string[] {
  const parts = sentence.replace(/\.$/, '').split(/, (?:and )?| and /);
  const matching = parts.filter((part) => pattern.test(part));
  const areShort =
    matching.every((part) => part.split(' ').length <= PART_WORDS_MAX) && !pattern.test(parts[0]!);
  if (parts.length < 3 || !areShort) return [];
  let text = sentence;
  for (const part of matching) {
    const isLast = parts.at(-1) === part;
    text = isLast
      ? text.replace(new RegExp(`,? (and )?${escaped(part)}(?=\\.?$)`), '')
      : text.replace(`${part}, `, '').replace(`, ${part} and `, ' and ');
  }
  return pattern.test(text) ? [] : [text];
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Removes sections about the feature, tables without rows, and headings without content. */
function removeEmptyParts(blocks: string[], pattern: RegExp): string {
  const kept = blocks.filter((block) => !/^\|[^\n]*\n\|[\s:|-]+$/.test(block));
  const result: string[] = [];
  let cutLevel = 0;
  for (const [index, block] of kept.entries()) {
    const level = levelOf(block);
    const isOwnSection = level > 1 && (pattern.test(block) || isEmptySection(kept, index, level));
    // A section ends at the next heading of its level.
    if (level > 0 && (cutLevel === 0 || level <= cutLevel)) cutLevel = isOwnSection ? level : 0;
    if (cutLevel === 0) result.push(block);
  }
  return `${result.join('\n\n').trimEnd()}\n`;
}

const levelOf = (block: string): number => /^#+(?= )/.exec(block)?.[0].length ?? 0;

function isEmptySection(blocks: string[], index: number, level: number): boolean {
  if (blocks[index]!.includes('\n')) return false;
  const next = levelOf(blocks[index + 1] ?? '# ');
  return next > 0 && next <= level;
}
