/** Removes from package.json what only a removed feature used. */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Feature } from './features.ts';

interface Package {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, unknown>;
  scripts: Record<string, string>;
}

const SOURCES = ['{src,test,scripts,bench,migrations}/**/*.{ts,js}', '*.{js,json}', '.*rc*', '.*.js'];

const read = (root: string): Package =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;

/** The packages of package.json that the sources name. */
export function usedPackages(root: string): Set<string> {
  const text = globSync(SOURCES, { cwd: root })
    .filter((file) => !/^package|^openapi/.test(file))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const { dependencies, devDependencies } = read(root);
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return new Set(names.filter((name) => ["'", '"', '/', '`'].some((end) => text.includes(`${name}${end}`))));
}

/** Removes packages that are no longer used, with their types, and the scripts. */
export function removeFromPackage(
  root: string,
  { packages = [], scripts = [] }: Pick<Feature, 'packages' | 'scripts'>,
  usedBefore: Set<string>,
): void {
  const content = read(root);
  const usedNow = usedPackages(root);
  const unused = [...packages, ...[...usedBefore].filter((name) => !usedNow.has(name))];
  const removed = unused.flatMap((name) => [name, `@types/${name.replace(/^@/, '').replace('/', '__')}`]);
  for (const name of removed) {
    delete content.dependencies[name];
    delete content.devDependencies[name];
    delete content.overrides[name];
  }
  for (const name of scripts) delete content.scripts[name];
  for (const [name, script] of Object.entries(content.scripts)) {
    const steps = script.split(' && ').filter((step) => !startsMissingFile(root, step));
    if (steps.length > 0) content.scripts[name] = steps.join(' && ');
  }
  writeFileSync(join(root, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
}

function startsMissingFile(root: string, step: string): boolean {
  const [, file] = /^node (scripts\/\S+)/.exec(step) ?? [];
  return file !== undefined && !existsSync(join(root, file));
}
