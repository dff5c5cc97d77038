/**
 * Removes the code that uses a removed feature: imports of deleted files, and then, by the syntax tree, the smallest
 * part around each use that can be removed – an element, a property, a parameter, a statement, a test.
 */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { findDeadNodes, type Uses } from './dead-code.ts';
import { findUnused } from './unused-code.ts';

const SOURCES = ['{src,test,scripts,bench,migrations}/**/*.{ts,js}', 'clients/typescript/src/*.ts'];
/** The programs of this folder and their tests name features, but don't depend on them. */
const NOT_SOURCES = [
  'clients/typescript/src/schema.ts',
  'scripts/template/',
  'test/e2e/removals.spec.ts',
  'test/e2e/rename.spec.ts',
  'test/e2e/upgrade.spec.ts',
];
const SPEC = /\.spec\.ts$/;
/** Files that no code imports: they are started by path or loaded from their folder. */
const PROGRAM =
  /^(src|scripts|bench)\/[^/]+\.ts$|^(migrations|clients|test\/contract\/authorization)\/|\.spec\.ts$/;
const ROUNDS_MAX = 40;

export interface Removal {
  /** Files of the feature that still exist. */
  files: string[];
  /** Settings, error codes, operations and other names that only the feature has. */
  names: RegExp;
  /** Texts in strings, such as routes. */
  strings: RegExp;
}

/** Removes the files and all that uses them. Returns the changed and the deleted files. */
export function removeCode(root: string, removal: Removal): { changed: Set<string>; deleted: Set<string> } {
  return new CodeRemoval(root, removal).run();
}

class CodeRemoval {
  private readonly texts = new Map<string, string>();
  private readonly changed = new Set<string>();
  private readonly deleted = new Set<string>();
  /** Exports that were removed, by file. */
  private readonly deadExports = new Map<string, Set<string>>();
  /** Files whose text or imports have changed since the last search. */
  private readonly unsearched = new Set<string>();
  private readonly importsOfFile = new Map<string, { text: string; imports: Import[] }>();
  private readonly importedBefore: Set<string>;
  private readonly usedExportsBefore: Set<string>;

  private readonly root: string;
  private readonly removal: Removal;

  constructor(root: string, removal: Removal) {
    this.root = root;
    this.removal = removal;
    for (const file of globSync(SOURCES, { cwd: root }).toSorted()) {
      if (NOT_SOURCES.some((path) => file.startsWith(path))) continue;
      this.texts.set(file, readFileSync(join(root, file), 'utf8'));
    }
    for (const file of this.texts.keys()) this.unsearched.add(file);
    const imports = this.imports();
    this.importedBefore = new Set(imports.map(({ to }) => to));
    this.usedExportsBefore = new Set(
      imports.flatMap(({ to, names }) => names.map((name) => `${to}#${name}`)),
    );
  }

  run() {
    for (const file of this.removal.files) this.delete(file);
    let hasChanged = true;
    for (let round = 0; hasChanged; round += 1) {
      if (round === ROUNDS_MAX) throw new Error('The removal does not come to an end.');
      hasChanged = this.removeUses();
      hasChanged = this.removeUnused() || hasChanged;
      hasChanged = this.deleteOrphans() || hasChanged;
    }
    for (const file of this.changed) writeFileSync(join(this.root, file), this.texts.get(file)!);
    return { changed: this.changed, deleted: this.deleted };
  }

  private delete(file: string): void {
    this.texts.delete(file);
    this.changed.delete(file);
    this.deleted.add(file);
    this.searchImporters(file);
    rmSync(join(this.root, file), { force: true });
  }

  private removeUses(): boolean {
    let hasChanged = false;
    const files = [...this.unsearched];
    this.unsearched.clear();
    for (const file of files) {
      const text = this.texts.get(file);
      if (text === undefined) continue;
      const source = parse(file, text);
      const isDead = (path: string, name: string) => this.isDeadImport(file, path, name);
      const { names, strings } = this.removal;
      const found = findDeadNodes(source, { isDead, names, strings, isTest: file.startsWith('test/') });
      if (found.ranges.length === 0) continue;
      this.update(file, cut(text, found.ranges), found);
      hasChanged = true;
    }
    return hasChanged;
  }

  private removeUnused(): boolean {
    let hasChanged = false;
    const used = new Set(this.imports().flatMap(({ to, names }) => names.map((name) => `${to}#${name}`)));
    const lost = new Set([...this.usedExportsBefore].filter((key) => !used.has(key)));
    const touched = new Set([...this.changed, ...[...lost].map((key) => key.split('#')[0]!)]);
    for (const file of touched) {
      const text = this.texts.get(file);
      if (text === undefined) continue;
      // Products may use all exports of the client.
      const isLost = (name: string) => !file.startsWith('clients/') && lost.has(`${file}#${name}`);
      const found = findUnused(parse(file, text), isLost);
      if (found.isEmptyTest) {
        this.delete(file);
        hasChanged = true;
      } else if (found.ranges.length > 0) {
        this.update(file, cut(text, found.ranges), found);
        hasChanged = true;
      }
    }
    return hasChanged;
  }

  /** Deletes the files that only removed code imported. */
  private deleteOrphans(): boolean {
    const imported = new Set(
      this.imports()
        .filter(({ from }) => !isSpecOf(from))
        .map(({ to }) => to),
    );
    const orphans = [...this.importedBefore].filter((file) => this.texts.has(file) && !imported.has(file));
    const unused = orphans.filter((file) => !PROGRAM.test(file));
    for (const file of unused) {
      this.delete(file);
      const spec = file.replace(/\.ts$/, '.spec.ts');
      if (file.startsWith('src/') && this.texts.has(spec)) this.delete(spec);
    }
    return unused.length > 0;
  }

  private isDeadImport(file: string, path: string, name: string): boolean {
    if (!path.startsWith('.')) return false;
    const target = this.targetOf(file, path);
    if (this.deleted.has(target)) return true;
    return this.deadExports.get(target)?.has(name) ?? false;
  }

  private targetOf(file: string, path: string): string {
    return relative(this.root, resolve(this.root, dirname(file), path));
  }

  private update(file: string, text: string, { exports }: Uses): void {
    this.texts.set(file, text);
    this.changed.add(file);
    const dead = this.deadExports.get(file) ?? new Set();
    for (const name of exports) dead.add(name);
    this.deadExports.set(file, dead);
    this.unsearched.add(file);
    if (exports.length > 0) this.searchImporters(file);
  }

  private searchImporters(file: string): void {
    for (const { from, to } of this.imports()) if (to === file) this.unsearched.add(from);
  }

  /** All imports of files, with the imported names. */
  private imports(): Import[] {
    return [...this.texts].flatMap(([from, text]) => {
      const known = this.importsOfFile.get(from);
      if (known?.text === text) return known.imports;
      const imports = importsOf(text).map(({ path, names }) => ({
        from,
        to: this.targetOf(from, path),
        names,
      }));
      this.importsOfFile.set(from, { text, imports });
      return imports;
    });
  }
}

interface Import {
  from: string;
  to: string;
  names: string[];
}

const isSpecOf = (file: string): boolean => SPEC.test(file) && file.startsWith('src/');

const parse = (file: string, text: string): ts.SourceFile =>
  ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);

const IMPORT = /\b(?:import|export)\b(?:\s+type)?\s*(?:([\w*{}\s,$]+?)\s*from\s*)?\(?\s*'(\.[^']+)'/g;

/** The import paths of a file, as it writes them, with the imported names. */
export function importsOf(text: string): { path: string; names: string[] }[] {
  return [...text.matchAll(IMPORT)].map(([, clause = '', path = '']) => ({
    path,
    names: [...clause.matchAll(/(?:^|[{,])\s*(?:type\s+)?(\w+)/g)].map(([, name = '']) => name),
  }));
}

/** Removes ranges of a text. A range inside another one counts as part of it. */
function cut(text: string, ranges: [number, number][]): string {
  let result = '';
  let at = 0;
  for (const [start, end] of ranges.toSorted(([a, b], [c, d]) => a - c || d - b)) {
    if (start > at) result += text.slice(at, start);
    at = Math.max(at, end);
  }
  return result + text.slice(at);
}
