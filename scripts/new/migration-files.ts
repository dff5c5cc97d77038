import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { partsOf } from '../foreign-key-indexes.ts';
import { pascal } from './names.ts';
import { type Step, type Statement } from './schema-steps.ts';

/** Later than that of every migration, so that the new migration is applied last. */
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
    'Review: fails if the table has rows. Give the column a default, or follow docs/guides/change-a-table.md.',
  ],
  [
    / SET NOT NULL$/,
    'Review: fails if a row has no value, and blocks requests while it reads the table: docs/guides/change-a-table.md.',
  ],
  [
    /^(CREATE UNIQUE INDEX|ALTER TABLE \w+ ADD CONSTRAINT \w+ UNIQUE)\b/,
    'Review: fails if rows have the same values. Make them differ in an earlier migration.',
  ],
  [/ ALTER COLUMN (?!.* SET NOT NULL$)/, 'Review: does it lock or rewrite a large table?'],
  [
    /NOT VALID$/,
    'Checks new rows only. Once the older ones are right: ALTER TABLE … VALIDATE CONSTRAINT, in a later migration.',
  ],
];

const FILE_NAME_MAX = 60;

/** One migration per step, because each locks one table: path → content. */
export function migrationFiles(name: string, steps: Step[], timestamp: number): Record<string, string> {
  const names = steps.map((step, index) => [nameOf(name, step, index), step] as const);
  return Object.fromEntries(
    names.map(([fileName, step], index) => {
      const stamp = timestamp + index;
      return [`migrations/${stamp}-${fileName}.ts`, migrationFile(`${pascal(fileName)}${stamp}`, step)];
    }),
  );
}

function nameOf(name: string, { suffix }: Step, index: number): string {
  if (index === 0) return name;
  const long = `${name}-${suffix}`;
  return long.length <= FILE_NAME_MAX ? long : `${name}-step-${index + 1}`;
}

function migrationFile(className: string, { statements, isConcurrent }: Step): string {
  const body = (side: 'up' | 'down') => {
    const ordered = side === 'up' ? statements : statements.toReversed();
    return ordered.map((statement) => write(statement, side, isConcurrent)).join('\n');
  };
  const up = body('up');
  const used = STEPS.filter((step) => up.includes(`${step}(`));
  const imports =
    used.length > 0
      ? `import { ${used.join(', ')} } from '../src/platform/database/migration-steps.ts';\n`
      : '';
  return `
import type { MigrationInterface, QueryRunner } from 'typeorm';
${imports}
export class ${className} implements MigrationInterface {
  /** Read the statements, then delete this line. Before that, only tests apply the migration. */
  static readonly isDraft = true;
  name = '${className}';
${isConcurrent ? '  transaction = false;\n' : ''}
  async up(db: QueryRunner): Promise<void> {
${up}
  }

  async down(db: QueryRunner): Promise<void> {
${body('down')}
  }
}
`;
}

const STEPS = ['addUniqueConcurrently', 'createIndexConcurrently', 'createUniqueIndexConcurrently'];

function write(statement: Statement, side: 'up' | 'down', isConcurrent: boolean): string {
  const sql = statement[side];
  // Undoing is for development only, where nothing else uses the table.
  const step = isConcurrent && side === 'up' ? concurrentStep(sql) : undefined;
  const comments = REVIEW.filter(([pattern]) => side === 'up' && pattern.test(sql)).map(
    ([, comment]) => `// ${comment}`,
  );
  return [...comments, step ?? `await db.query(\`${inLines(sql)}\`);`].join('\n');
}

function concurrentStep(sql: string): string {
  const [, table, constraint, columns] =
    /^ALTER TABLE (\w+) ADD CONSTRAINT (\w+) UNIQUE \((.*)\)$/.exec(sql) ?? [];
  if (columns) return `await addUniqueConcurrently(db, '${table}', '${constraint}', '${columns}');`;
  const [, unique, index, definition] = /^CREATE (UNIQUE )?INDEX (\w+) (.*)$/.exec(sql) ?? [];
  const step = unique ? 'createUniqueIndexConcurrently' : 'createIndexConcurrently';
  return `await ${step}(db, '${index}', \`${definition}\`);`;
}

/** One line per column and constraint. */
function inLines(sql: string): string {
  const [, head, body] = /^(CREATE TABLE \w+) (\(.*\))$/.exec(sql) ?? [];
  if (!head || !body) return sql;
  const columns = partsOf(body).map((part) => `        ${part}`);
  return `\n      ${head} (\n${columns.join(',\n')}\n      )`;
}
