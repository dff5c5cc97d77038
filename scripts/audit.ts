/**
 * npm run audit: licences of the packages that production uses, secrets in the repository, and known vulnerabilities.
 * --offline skips the vulnerabilities, which need the registry. `npm run check` runs it with --offline.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram } from './usage-error.ts';

const USAGE = 'Usage: npm run audit -- [--offline]';

/** Licences that require only their text and the names of the authors. */
const LICENCES = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);

/** Both are MIT without a field `license`: one has the old field `licenses`, the other names MIT in its README. */
const MIT_ELSEWHERE = new Set(['passport-strategy', 'pause']);

const SECRETS: [string, RegExp][] = [
  ['a private key', /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}/],
  ['an AWS access key', /\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['a Fly.io token', /\bFlyV1 fm\d_[A-Za-z0-9+/=]{40}/],
  ['a Slack token', /\bxox[abprs]-[A-Za-z0-9-]{20,}/],
  ['a Stripe key', /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ['a Google API key', /\bAIza[A-Za-z0-9_-]{35}\b/],
];

interface LockedPackage {
  license?: string;
  dev?: boolean;
  devOptional?: boolean;
}

/** Packages of production whose licence is not in the list. */
export function licenceFaults(packages: Record<string, LockedPackage>): string[] {
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path && !dev && !devOptional)
    .map(([path, { license = 'none' }]) => ({ name: path.replace(/^.*node_modules\//, ''), license }))
    .filter(({ name, license }) => !isAllowed(license) && !(license === 'none' && MIT_ELSEWHERE.has(name)))
    .map(({ name, license }) => `${name}: licence ${license}`);
}

/** (MIT OR GPL-2.0) needs one allowed licence, MIT AND ISC needs both. */
function isAllowed(license: string): boolean {
  const plain = license.replaceAll(/[()]/g, '');
  if (plain.includes(' OR ')) return plain.split(' OR ').some((part) => isAllowed(part));
  return plain.split(' AND ').every((part) => LICENCES.has(part.trim()));
}

export const secretFaults = (path: string, text: string): string[] =>
  SECRETS.filter(([, pattern]) => pattern.test(text)).map(([kind]) => `${path}: contains ${kind}`);

function trackedFiles(): string[] {
  const { stdout, status } = spawnSync('git', ['ls-files', '-z'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\0').filter(Boolean) : [];
}

function secretsInRepository(): string[] {
  return trackedFiles().flatMap((path) => {
    try {
      return secretFaults(path, readFileSync(path, 'utf8'));
    } catch {
      // Deleted, but not yet in the index.
      return [];
    }
  });
}

interface AuditReport {
  metadata?: { vulnerabilities?: Record<string, number> };
}

/** Undefined if the registry can't be asked. */
function vulnerabilities(): string[] | undefined {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
  const counts = (JSON.parse(stdout || '{}') as AuditReport).metadata?.vulnerabilities;
  if (!counts) return undefined;
  return ['high', 'critical']
    .filter((severity) => counts[severity])
    .map((severity) => `${counts[severity]} ${severity} vulnerabilities: npm audit --omit=dev lists them`);
}

function main(): void {
  const { values } = parseArgs({ options: { offline: { type: 'boolean' } } });
  process.chdir(dirname(import.meta.dirname));
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const found = values.offline ? [] : vulnerabilities();
  if (!found) {
    console.log(
      'Vulnerabilities were not checked: the registry does not respond, or has no advisories. Run it again with network.',
    );
  }
  const faults = [...licenceFaults(packages), ...secretsInRepository(), ...(found ?? [])];
  if (faults.length > 0) console.error(faults.join('\n'));
  process.exitCode = faults.length > 0 ? 1 : 0;
}

if (import.meta.main) await runProgram(USAGE, main);
