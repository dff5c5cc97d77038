/** Checks the spelling (cspell) and the terms of this project. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, matchesGlob } from 'node:path';

process.chdir(dirname(import.meta.dirname));

/** Words that hide the meaning or have a standard term, with what to write instead. */
const TERMS: [RegExp, string][] = [
  [/\bwho(m|se)?ever\b/i, 'name the person or program'],
  [/\banew\b/i, 'again, reset, new'],
  [/\bnobody(['’]s)?\b/i, 'no user, no process, none'],
  [/\bsome(one|body)\b/i, 'a user, a client, another process'],
  [/\bhand(s|ed|ing)?[- _]?over\b|\bhandOver|HandOver/, 'dispatch'],
  [/\bstand[-_ ]?ins?\b|StandIn|STANDIN/i, 'fake provider'],
  [/\b(is|are|was|were|be|been) told\b|\btells? of\b/i, 'notify, report'],
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\bledgers?\b/i, 'the jobs table'],
  [/\bstrangers?\b/i, 'anonymous caller, unverified owner'],
  [/\bnudges?\b/i, 'wake'],
  [/\bvouch(es|ed)?\b|vouchedEmail/i, 'verify'],
  [/\bmailed[- _]?tokens?\b|MailedToken/i, 'email token'],
  [/\brefus(e|es|ed|al|als|ing)\b/i, 'reject, error'],
  [/\bspent\b/i, 'consumed'],
  [
    /\bby now\b|\bin the end\b|\buntil then\b|\bof its own\b|\bof their own\b|\bthat which\b/i,
    'say it directly',
  ],
  [/\bWORKER_LOST\b/, 'WORKER_STALLED'],
  [/\bmeanwhile\b|\bfor ever\b|\bbeside the\b/i, 'at the same time, forever, next to'],
];

/** Uses of a flagged word that are right, such as names of protocols and systems. */
const ALLOWED =
  /connection refused|certificate was refused|ECONNREFUSED|allow-refuse|GRAPHQL_BATCH_REFUSED|nobody['’]?\)|\bid nobody\b/i;

/** Files without our own prose: generated files and data. */
const SKIPPED = [
  'scripts/check-words.ts',
  'CHANGELOG.md',
  'docs/reliability.md',
  'clients/typescript/src/schema.ts',
  'src/auth/passwords/common-passwords.ts',
];

const files = globSync([
  '{src,test,scripts,migrations,docs,docker,clients}/**/*.{ts,js,md,html,yml,conf}',
  '*.{md,yml,toml}',
  'bin/*',
])
  .filter((path) => !SKIPPED.some((glob) => matchesGlob(path, glob)))
  .toSorted();

const faults = files.flatMap((path) => {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, index) => faultsIn(line).map((fault) => `${path}:${index + 1} ${fault}`));
});

function faultsIn(line: string): string[] {
  if (ALLOWED.test(line)) return [];
  return TERMS.flatMap(([pattern, better]) => {
    const found = pattern.exec(line)?.[0];
    return found ? [`“${found}”: write ${better}`] : [];
  });
}

const cspell = ['node_modules/.bin/cspell', 'lint', '--no-progress', '--no-summary', '--cache'];
const cacheLocation = ['--cache-location', '.local/check/cspell.json', '.'];
const spelling = spawnSync(process.execPath, [...cspell, ...cacheLocation], { encoding: 'utf8' });

const output = [spelling.stdout.trim(), ...faults].filter(Boolean);
if (spelling.status !== 0 || faults.length > 0) {
  console.error(output.join('\n'));
  console.error('Add correct words that cspell does not know to cspell-words.txt.');
  process.exitCode = 1;
}
