import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Config, StartupError } from '../config/config.ts';

interface ForeignKey {
  table: string;
  column: string;
  name: string;
  referenced: string;
}

/** The foreign keys of the database without an index that starts with their first column. */
export async function foreignKeysWithoutIndex(db: DataSource): Promise<string[]> {
  const rows = await db.query<ForeignKey[]>(`
    SELECT c.conrelid::regclass::text AS table, a.attname AS column, c.conname AS name,
      c.confrelid::regclass::text AS referenced
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
      SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
    ORDER BY 1, 2`);
  return rows.map(
    ({ table, column, name, referenced }) =>
      `The foreign key ${name} has no index, so each delete in ${referenced} scans ${table}: create an index on ${table} (${column}) in its migration.`,
  );
}

/** Stops the start in development. In production it only warns, because a missing index makes the service slow, not wrong. */
@Injectable()
export class ForeignKeyCheck implements OnModuleInit {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  async onModuleInit(): Promise<void> {
    const faults = await foreignKeysWithoutIndex(this.db);
    if (faults.length === 0) return;
    if (this.config.NODE_ENV !== 'production') throw new StartupError(faults.join('\n'));
    faults.forEach((fault) => new Logger('Database').warn(fault));
  }
}
