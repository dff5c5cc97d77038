import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { partsOf } from '../foreign-key-indexes.ts';
import { pascal } from './names.ts';
import { type Step, type Statement } from './schema-steps.ts';

/** After the last migration, so that it is applied last. */
export function nextTimestamp(): number {
  const taken = globSync('migrations/*.ts').map((path) => Number.parseInt(basename(path), 10));
  return Math.max(Date.now(), ...taken.map((timestamp) => timestamp + 1));
}

const REVIEW: [pattern: RegExp, comment: string][] = [
  [
    /^(DROP|ALTER TABLE \w+ DROP)\b/,
    'Review: a release that still runs may use it, and dropped data is gone. Stop using it in one release, drop it in the next.',
  ],
  [
    /^ALTER TABLE \w+ ADD COLUMN (?!.*\bDEFAULT\b).*NOT NULL/,
    'Review: fails if the table has rows. Add a DEFAULT, or allow NULL.',
  ],
  [/ ALTER COLUMN /, 'Review: does it lock or rewrite a large table?'],
  [
    /NOT VALID$/,
    'Checks new rows only. Once the older ones are right: ALTER TABLE … VALIDATE CONSTRAINT, in a later migration.',
  ],
];

/** One migration per step, because each locks one table: path → content. */
export function migrationFiles(name: string, steps: Step[], timestamp: number): Record<string, string> {
  const names = steps.map((step, index) => [index === 0 ? name : `${name}-${step.suffix}`, step] as const);
  return Object.fromEntries(
    names.map(([fileName, step], index) => {
      const stamp = timestamp + index;
      return [`migrations/${stamp}-${fileName}.ts`, migrationFile(`${pascal(fileName)}${stamp}`, step)];
    }),
  );
}

function migrationFile(className: string, { statements, isConcurrent }: Step): string {
  const body = (side: 'up' | 'down') => {
    const ordered = side === 'up' ? statements : statements.toReversed();
    return ordered.map((statement) => write(statement, side, isConcurrent)).join('\n');
  };
  const steps = isConcurrent
    ? `import { createIndexConcurrently } from '../src/platform/database/migration-steps.ts';\n`
    : '';
  return `
import type { MigrationInterface, QueryRunner } from 'typeorm';
${steps}
export class ${className} implements MigrationInterface {
  name = '${className}';
${isConcurrent ? '  transaction = false;\n' : ''}
  async up(db: QueryRunner): Promise<void> {
${body('up')}
  }

  async down(db: QueryRunner): Promise<void> {
${body('down')}
  }
}
`;
}

function write(statement: Statement, side: 'up' | 'down', isConcurrent: boolean): string {
  const sql = statement[side];
  const [, index, definition] = /^CREATE INDEX (\w+) (.*)$/.exec(sql) ?? [];
  // Undoing is for development only, and runs in a transaction.
  if (isConcurrent && index) return `await createIndexConcurrently(db, '${index}', \`${definition}\`);`;
  const comments = REVIEW.filter(([pattern]) => side === 'up' && pattern.test(sql)).map(
    ([, comment]) => `// ${comment}`,
  );
  return [...comments, `await db.query(\`${inLines(sql)}\`);`].join('\n');
}

/** One line per column and constraint. */
function inLines(sql: string): string {
  const [, head, body] = /^(CREATE TABLE \w+) (\(.*\))$/.exec(sql) ?? [];
  if (!head || !body) return sql;
  const columns = partsOf(body).map((part) => `        ${part}`);
  return `\n      ${head} (\n${columns.join(',\n')}\n      )`;
}
