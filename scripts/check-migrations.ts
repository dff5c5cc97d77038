import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statementsOf } from '../src/platform/database/migration-sql.ts';
import { type MigrationClass, migrations } from '../src/platform/database/migrations.ts';
import { foreignKeysWithoutIndex, type MigrationSql } from './foreign-key-indexes.ts';

/*
 * Checks that each migration is safe while the previous release runs: squawk checks its SQL, and this script checks
 * some more rules. See docs/decisions/0034-migrations-beside-running-releases.md.
 */

/** These create the tables of the first release, in an empty database. */
const FIRST_RELEASE_UNTIL = 1_764_100_100_000;

export async function checkMigrations(classes: readonly MigrationClass[]): Promise<string[]> {
  const recorded = await Promise.all(classes.map(record));
  return [
    ...classes.filter(({ isDraft }) => isDraft).map(({ name }) => draftOf(name)),
    ...squawk(recorded),
    ...recorded.filter(isAfterFirstRelease).flatMap(ownRules),
    ...foreignKeysWithoutIndex(recorded),
    ...referencesToUnknownTables(recorded),
  ];
}

const draftOf = (name: string): string =>
  `${name}: is a draft. Read its statements, then delete the line with isDraft.`;

interface Recorded extends MigrationSql {
  isTransactional: boolean;
}

async function record(migrationClass: MigrationClass): Promise<Recorded> {
  const migration = new migrationClass();
  const statements = await statementsOf(migration);
  return { name: migrationClass.name, isTransactional: migration.transaction !== false, statements };
}

function squawk(recorded: Recorded[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'migrations-'));
  try {
    return [true, false].flatMap((isTransactional) => {
      const files = recorded
        .filter((migration) => migration.isTransactional === isTransactional)
        .map(({ name, statements }) => {
          const file = join(dir, `${name}.sql`);
          writeFileSync(file, statements.map((statement) => `${statement};\n`).join(''));
          return file;
        });
      return files.length > 0 ? runSquawk(files, isTransactional) : [];
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function runSquawk(files: string[], isTransactional: boolean): string[] {
  const program = join('node_modules', 'squawk-cli', 'js', 'bin', 'squawk');
  const mode = isTransactional ? '--assume-in-transaction' : '--no-assume-in-transaction';
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [program, mode, '--reporter', 'gcc', ...files],
    { encoding: 'utf8' },
  );
  const findings = stdout
    .split('\n')
    .filter((line) => line.includes(': warning:') || line.includes(': error:'))
    // The name of the migration instead of a temporary file.
    .map((line) => line.replace(/^.*?(\w+)\.sql:\d+:\d+: \w+:/, '$1:'));
  if (status !== 0 && findings.length === 0) throw new Error(`squawk failed: ${stdout}${stderr}`);
  return findings;
}

const isAfterFirstRelease = ({ name }: Recorded): boolean =>
  Number(/\d{13}$/.exec(name)?.[0]) > FIRST_RELEASE_UNTIL;

const CREATED = /\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)/gi;
/** Statements that lock a table against writes, and foreign keys, which also lock the referenced table. */
const LOCKED =
  /\b(?:ALTER\s+TABLE(?:\s+IF\s+EXISTS)?(?:\s+ONLY)?|DROP\s+TABLE(?:\s+IF\s+EXISTS)?|TRUNCATE(?:\s+TABLE)?|LOCK(?:\s+TABLE)?|REFERENCES|(?:INDEX|TRIGGER)\s[^;]*?\sON(?:\s+ONLY)?)\s+"?(\w+)/gi;
/** A foreign key locks both of its tables, so the statement can't be split. */
const ADDED_FOREIGN_KEY =
  /^\s*ALTER\s+TABLE\s+(?:ONLY\s+)?"?\w+"?\s+ADD\s+(?:CONSTRAINT\s+"?\w+"?\s+)?FOREIGN\s+KEY\b/i;
const SQL_COMMENT = /^\s*--.*$/gm;
const CHANGED = /^(?:UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?"?(\w+)/i;

const REFERENCED = /\bREFERENCES\s+"?(\w+)/gi;

function referencesToUnknownTables(recorded: Recorded[]): string[] {
  const created = new Set<string>();
  return recorded.flatMap(({ name, statements }) => {
    const sql = statements.map((statement) => statement.replaceAll(SQL_COMMENT, ''));
    sql.flatMap((statement) => tablesIn(statement, CREATED)).forEach((table) => created.add(table));
    const unknown = sql
      .flatMap((statement) => tablesIn(statement, REFERENCED))
      .filter((table) => !created.has(table));
    return [...new Set(unknown)].map(
      (table) => `${name}: refers to the table ${table}, which neither it nor a migration before it creates.`,
    );
  });
}

function ownRules({ name, isTransactional, statements }: Recorded): string[] {
  if (!isTransactional) return [];
  const locking = tablesLockedByStatement(statements);
  const locked = new Set(locking.flatMap(({ tables }) => tables));
  const isOneForeignKey =
    locking.length === 1 && locked.size === 2 && ADDED_FOREIGN_KEY.test(locking[0]!.statement);
  const changed = statements.map((statement) => CHANGED.exec(statement)?.[1]).filter(Boolean);
  const findings: string[] = [];
  if (locked.size > 1 && !isOneForeignKey) {
    findings.push(
      `${name}: locks ${[...locked].join(' and ')} in one transaction. Write one migration for each table. A foreign key ` +
        `that locks a second table needs a separate migration: ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY … NOT VALID.`,
    );
  }
  if (changed.length > 0) {
    findings.push(
      `${name}: changes rows of ${changed.join(', ')} in one transaction. Use changeInBatches() in a migration with \`transaction = false\`.`,
    );
  }
  return findings;
}

/** Statements that lock tables which the migration did not create. */
function tablesLockedByStatement(statements: string[]): { statement: string; tables: string[] }[] {
  const created = new Set(statements.flatMap((sql) => tablesIn(sql, CREATED)));
  return statements
    .map((sql) => sql.replaceAll(SQL_COMMENT, ''))
    .map((statement) => ({
      statement,
      tables: tablesIn(statement, LOCKED).filter((table) => !created.has(table)),
    }))
    .filter(({ tables }) => tables.length > 0);
}

const tablesIn = (sql: string, pattern: RegExp): string[] =>
  [...sql.matchAll(pattern)].map(([, table = '']) => table);

if (import.meta.main) {
  const findings = await checkMigrations(migrations);
  if (findings.length > 0) console.error(findings.join('\n'));
  process.exitCode = findings.length > 0 ? 1 : 0;
}
