import type { DataSourceOptions, EntitySchema, LoggerOptions } from 'typeorm';
import type { Config } from '../config/config.ts';
import { migrations } from './migrations.ts';
import { outliveConnection } from './pool-clients.ts';
import { SnakeNamingStrategy } from './snake-naming.strategy.ts';

export type EntityClasses = (new () => object)[] | EntitySchema[];

/** Which process asks: the worker's statements may take longer than what a request waits for. */
export type ProcessRole = 'api' | 'worker' | 'migrate';

const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const WORKER_STATEMENT_FACTOR = 12;

export function dataSourceOptions(
  config: Config,
  role: ProcessRole,
  entities: EntityClasses = [],
): DataSourceOptions {
  const logging: LoggerOptions = false;
  return {
    type: 'postgres',
    url: role === 'migrate' ? config.DATABASE_DIRECT_URL : config.DATABASE_URL,
    entities,
    migrations,
    migrationsTableName: 'migrations',
    namingStrategy: new SnakeNamingStrategy(),
    // The schema comes from migrations alone: `synchronize` would drop what it doesn't know.
    synchronize: false,
    migrationsRun: false,
    logging,
    // Ids are made by the application (UUIDv7), so that no extension is needed.
    installExtensions: false,
    applicationName: `reference-${role}`,
    extra: {
      max: role === 'migrate' ? 2 : config.DATABASE_POOL_MAX,
      // Also how long a request waits for a free connection before it is answered 503.
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 300_000,
      maxLifetimeSeconds: 600,
      keepAlive: true,
      onConnect: outliveConnection,
      ...timeouts(config, role),
    },
  };
}

/** Set per connection, so that another application on the same server keeps its own (PostgreSQL manual, 19.11). */
function timeouts(config: Config, role: ProcessRole): Record<string, number> {
  if (role === 'migrate') return { lock_timeout: LOCK_TIMEOUT_MS };
  return {
    statement_timeout:
      config.DATABASE_STATEMENT_TIMEOUT_MS * (role === 'worker' ? WORKER_STATEMENT_FACTOR : 1),
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
}
