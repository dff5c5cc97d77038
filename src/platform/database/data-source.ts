import type { DataSourceOptions, EntitySchema } from 'typeorm';
import type { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { TracedClient } from '../tracing/traced-client.ts';
import { isTracing } from '../tracing/tracing.ts';
import { migrations } from './migrations.ts';
import { prepareConnection } from './session-settings.ts';
import { SnakeNamingStrategy } from './snake-naming.strategy.ts';

export type EntityClasses = (new () => object)[] | EntitySchema[];

/** The process that connects. Statements of the worker may take longer. */
export type ProcessRole = 'api' | 'worker' | 'migrate';

const LOCK_TIMEOUT_MS = 2_000;
/** Shorter, because the statements of the application queue behind a migration that waits for a lock. */
const MIGRATE_LOCK_TIMEOUT_MS = 1_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_MARGIN_MS = 5_000;
const WORKER_STATEMENT_FACTOR = 12;

export function dataSourceOptions(
  config: Config,
  role: ProcessRole,
  entities: EntityClasses = [],
): DataSourceOptions {
  return {
    type: 'postgres',
    url: databaseUrl(config, role),
    entities,
    migrations,
    migrationsTableName: 'migrations',
    namingStrategy: new SnakeNamingStrategy(),
    // Only migrations change the schema. `synchronize` would drop unknown tables and columns.
    synchronize: false,
    migrationsRun: false,
    logging: false,
    // The application creates the ids (UUIDv7), so no extension is needed.
    installExtensions: false,
    applicationName: `${product.name}-${role}`,
    extra: {
      max: role === 'migrate' ? 2 : config.DATABASE_POOL_MAX,
      // Also limits how long a request waits for a free connection before it gets a 503.
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 300_000,
      maxLifetimeSeconds: 600,
      keepAlive: true,
      onConnect: prepareConnection(sessionSettings(config, role), silenceMaxMs(config, role)),
      ...(isTracing() && { Client: TracedClient }),
    },
  };
}

/** Only the API may use a pooler. The other processes are few, run long statements, and need whole sessions. */
export function databaseUrl(config: Config, role: ProcessRole): string {
  if (role === 'migrate') return config.MIGRATION_DATABASE_URL;
  return role === 'worker' ? config.DATABASE_DIRECT_URL : config.DATABASE_URL;
}

/** Whether a pooler may share a session of Postgres between clients. The role then has the settings of the API. */
export const usesPooler = (config: Config): boolean => config.DATABASE_URL !== config.DATABASE_DIRECT_URL;

/** The settings that a new connection sets. None for the API behind a pooler. */
export const sessionSettings = (config: Config, role: ProcessRole): Record<string, number> | undefined =>
  role === 'api' && usesPooler(config) ? undefined : timeouts(config, role);

/** Longer than the statement timeout: if no response arrives in this time, Postgres can't be reached any more. */
const silenceMaxMs = (config: Config, role: ProcessRole): number | undefined =>
  role === 'migrate' ? undefined : timeouts(config, role).statement_timeout + ANSWER_MARGIN_MS;

/** PostgreSQL manual, 19.11. Zero means no limit: a migration may take long, but it waits only briefly for a lock. */
export function timeouts(config: Config, role: ProcessRole) {
  if (role === 'migrate') {
    return {
      statement_timeout: 0,
      lock_timeout: MIGRATE_LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: 0,
    };
  }
  return {
    statement_timeout:
      config.DATABASE_STATEMENT_TIMEOUT_MS * (role === 'worker' ? WORKER_STATEMENT_FACTOR : 1),
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
}
