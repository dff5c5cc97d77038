import type { DataSource } from 'typeorm';

/** The names of the migrations of this release that the database doesn't have. */
export async function pendingMigrations(db: DataSource): Promise<string[]> {
  const applied = await appliedMigrations(db);
  return db.migrations.map(({ name }) => name ?? '').filter((name) => !applied.has(name));
}

/** Reads the table with SQL, because TypeORM's check would create it. */
async function appliedMigrations(db: DataSource): Promise<Set<string>> {
  try {
    const rows = await db.query<{ name: string }[]>('SELECT name FROM migrations');
    return new Set(rows.map(({ name }) => name));
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return new Set();
    throw error;
  }
}
