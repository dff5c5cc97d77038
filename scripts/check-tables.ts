/** Fails when SQL in one feature names a table of another feature. Entities are checked by dependency-cruiser. */
import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import ts from 'typescript';

process.chdir(dirname(import.meta.dirname));

/** A feature reacts to others by domain events, or calls the owner's service. These exceptions have a reason. */
const ALLOWED: { path: string; table: string; reason: string }[] = [
  {
    path: 'src/notifications/notifications.service.ts',
    table: 'users',
    reason: 'The unread count is in the row of the user: docs/decisions/0012-unread-notification-count.md.',
  },
  {
    path: 'src/users/users.module.ts',
    table: 'email_tokens',
    reason:
      'The purge keeps an unverified account while one of its links is valid. A call per account would be slow.',
  },
  {
    path: 'src/auth/sessions/session-refresh.service.ts',
    table: 'users',
    reason: 'A refresh reads and rotates the session of an active user in one statement.',
  },
];

const OWNERS_WITHOUT_ENTITY: Record<string, string> = {
  job_file_chunks: 'jobs',
  paused_queues: 'jobs',
  sign_in_throttles: 'auth',
  rate_limits: 'platform',
  idempotency_keys: 'platform',
};

const featureOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? '';

const sources = globSync('src/*/**/*.ts')
  .filter((path) => !path.endsWith('.spec.ts'))
  .toSorted();
const owners = new Map(Object.entries(OWNERS_WITHOUT_ENTITY));
for (const path of sources.filter((source) => source.endsWith('.entity.ts'))) {
  for (const [, table = ''] of readFileSync(path, 'utf8').matchAll(/@Entity\('(\w+)'/g)) {
    owners.set(table, featureOf(path));
  }
}

/** The tables that a text of SQL, or a declaration such as `table: 'mails'`, names. */
function tablesIn(node: ts.Node): string[] {
  const text = literalText(node);
  if (text === undefined) return [];
  const isDeclaration = ts.isPropertyAssignment(node.parent) && node.parent.name.getText() === 'table';
  if (isDeclaration) return [text];
  return [...text.matchAll(/\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+([a-z_]+)/g)].map(([, table = '']) => table);
}

function literalText(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ? ');
}

const usedExceptions = new Set<object>();

function faultsIn(path: string): string[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const table of tablesIn(node)) {
      const owner = owners.get(table);
      if (!owner || owner === featureOf(path)) continue;
      const exception = ALLOWED.find((allowed) => allowed.path === path && allowed.table === table);
      if (exception) usedExceptions.add(exception);
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      if (!exception) faults.push(`${path}:${line + 1} names the table ${table} of ${owner}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return faults;
}

const created = globSync('migrations/*.ts').flatMap((path) =>
  [...readFileSync(path, 'utf8').matchAll(/CREATE (?:UNLOGGED )?TABLE (\w+)/g)].map(
    ([, table = '']) => table,
  ),
);
const faults = [
  ...sources.flatMap(faultsIn),
  ...created.filter((table) => !owners.has(table)).map((table) => `The table ${table} has no owner`),
  ...ALLOWED.filter((allowed) => !usedExceptions.has(allowed)).map(
    ({ path, table }) => `Remove the unused exception of ${path} for ${table}`,
  ),
];
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
