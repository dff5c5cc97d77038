import { createHash } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The statements of `up`, which runs without a database: each query returns no rows. */
export async function statementsOf(migration: MigrationInterface): Promise<string[]> {
  const statements: string[] = [];
  const query = async (sql: string, _parameters?: unknown[], isStructured?: boolean) => {
    statements.push(sql.trim());
    return isStructured ? { records: [], affected: 0, raw: [] } : [];
  };
  await migration.up({ query } as unknown as QueryRunner);
  return statements;
}

const SQL_COMMENT = /--.*$/gm;

/**
 * A hash of the SQL, so that the format, comments and the compiler don't change it. Undefined if `up` can't run without
 * a database.
 */
export async function checksumOf(migration: MigrationInterface): Promise<string | undefined> {
  try {
    const statements = (await statementsOf(migration)).map((sql) =>
      sql.replaceAll(SQL_COMMENT, '').replaceAll(/\s+/g, ' ').trim(),
    );
    return createHash('sha256').update(statements.join(';')).digest('hex');
  } catch {
    return undefined;
  }
}
