import type { DataSource } from 'typeorm';
import { checksumOf } from './migration-sql.ts';

export interface ChangedMigration {
  name: string;
  /** How many migrations to undo until this one is undone. */
  undoCount: number;
}

interface AppliedMigration {
  name: string;
  checksum: string | null;
}

/**
 * The applied migrations whose SQL has changed since, oldest first. Also stores missing checksums, so that later calls
 * can compare with them. See docs/decisions/0064-changed-migrations.md.
 */
export async function changedMigrations(db: DataSource): Promise<ChangedMigration[]> {
  await addChecksumColumn(db);
  const applied = await db.query<AppliedMigration[]>('SELECT name, checksum FROM migrations ORDER BY id');
  const changed: ChangedMigration[] = [];
  for (const [index, { name, checksum }] of applied.entries()) {
    const migration = db.migrations.find((one) => one.name === name);
    const current = migration && (await checksumOf(migration));
    if (!current || current === checksum) continue;
    if (checksum) changed.push({ name, undoCount: applied.length - index });
    else await db.query('UPDATE migrations SET checksum = $1 WHERE name = $2', [current, name]);
  }
  return changed;
}

/** TypeORM creates the table, without this column. */
async function addChecksumColumn(db: DataSource): Promise<void> {
  const found = await db.query<object[]>(
    `SELECT 1 FROM pg_attribute WHERE attrelid = 'migrations'::regclass AND attname = 'checksum'`,
  );
  if (found.length === 0) await db.query('ALTER TABLE migrations ADD COLUMN checksum text');
}
