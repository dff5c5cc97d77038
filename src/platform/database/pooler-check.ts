import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.ts';
import { timeouts, usesPooler } from './data-source.ts';
import { SESSION_SETTINGS } from './session-settings.ts';

/**
 * Warns if a connection of the pooler lacks the settings of the role. Not an error: a pooler keeps connections from before
 * the migration, and replaces them with time.
 */
@Injectable()
export class PoolerCheck implements OnApplicationBootstrap {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!usesPooler(this.config)) return;
    const wrong = await this.db.query<{ name: string; setting: string; wanted: string }[]>(
      `SELECT name, setting, value AS wanted FROM json_each_text($1) JOIN pg_settings ON name = key
       WHERE setting <> value ORDER BY name`,
      [JSON.stringify({ ...SESSION_SETTINGS, ...timeouts(this.config, 'api') })],
    );
    if (wrong.length === 0) return;
    const list = wrong.map(({ name, setting, wanted }) => `${name} is ${setting}, not ${wanted}`).join('; ');
    new Logger('Database').warn(
      `Settings of the role are missing on a connection of the pooler: ${list}. Run the migration program, then reconnect the pooler (RECONNECT in PgBouncer).`,
    );
  }
}
