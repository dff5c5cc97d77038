/** Fails when a package of package-lock.json that this system needs is missing from node_modules. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface LockedPackage {
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optional?: boolean;
}

const root = dirname(import.meta.dirname);
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

// An optional package counts only if it names this system. Those for one C library (libc) are skipped.
const missing = Object.entries(packages)
  .filter(([path, locked]) => path && isNeeded(locked) && !existsSync(join(root, path, 'package.json')))
  .map(([path]) => path);

function isNeeded({ os, cpu, libc, optional }: LockedPackage): boolean {
  if (libc || !supports(os, process.platform) || !supports(cpu, process.arch)) return false;
  return !optional || os !== undefined || cpu !== undefined;
}

/** `os` and `cpu` list what is supported, or with `!` what is not. */
function supports(list: string[] | undefined, value: string): boolean {
  if (!list || list.includes(value)) return true;
  return list.every((entry) => entry.startsWith('!')) && !list.includes(`!${value}`);
}

if (missing.length > 0) {
  process.stderr.write(`Missing packages:\n${missing.join('\n')}\n`);
  process.exitCode = 1;
}
