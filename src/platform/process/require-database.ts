import { DataSource } from 'typeorm';
import { type Config, StartupError } from '../config/config.ts';
import { describePermanentFault } from '../database/connection-faults.ts';
import { dataSourceOptions } from '../database/data-source.ts';
import { pendingMigrations } from '../database/pending-migrations.ts';

/** For programs that a person starts: instead of waiting, throws if Postgres is down or migrations are pending. */
export async function requireDatabase(config: Config): Promise<void> {
  const db = await connect(config);
  try {
    const pending = await pendingMigrations(db);
    if (pending.length === 0) return;
    throw new StartupError(
      `The database lacks ${pending.length} migrations, from ${pending[0]}. Start bin/dev, or run node dist/src/migrate.js.`,
    );
  } finally {
    await db.destroy();
  }
}

async function connect(config: Config): Promise<DataSource> {
  try {
    return await new DataSource(dataSourceOptions(config, 'api')).initialize();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const { host } = new URL(config.DATABASE_URL);
    throw new StartupError(
      describePermanentFault(error) ??
        `Postgres at ${host} can't be reached (${code ?? message}). Start it, or check DATABASE_URL.`,
    );
  }
}
