import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { QueryFailedError, TypeORMError } from 'typeorm';
import { Config, StartupError } from '../config/config.ts';
import { describePermanentFault } from './connection-faults.ts';
import { dataSourceOptions, type ProcessRole } from './data-source.ts';
import { ForeignKeyCheck } from './foreign-key-check.ts';
import { PoolerCheck } from './pooler-check.ts';
import { RetryingDataSource } from './retrying-data-source.ts';
import { relationsToUnregisteredEntities } from './unregistered-entities.ts';

@Module({})
export class DatabaseModule {
  /** The pool closes after everything that uses it: see docs/architecture.md, "Shutdown". */
  static for(role: Exclude<ProcessRole, 'migrate'>): DynamicModule {
    return {
      module: DatabaseModule,
      providers: role === 'api' ? [ForeignKeyCheck, PoolerCheck] : [ForeignKeyCheck],
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Config],
          useFactory: (config: Config) => ({
            ...dataSourceOptions(config, role),
            autoLoadEntities: true,
            // Postgres may start later: keep trying, because a crash loop would only be slower.
            retryAttempts: config.NODE_ENV === 'test' ? 0 : 300,
            retryDelay: 1_000,
            toRetry: isTemporary,
          }),
          dataSourceFactory: async (options) => {
            const faults = relationsToUnregisteredEntities(options!);
            if (faults.length > 0) throw new StartupError(faults.join('\n'));
            return new RetryingDataSource(options!);
          },
        }),
      ],
    };
  }
}

/** Faults of the entities are permanent too. */
function isTemporary(error: Error): boolean {
  if (error instanceof StartupError) return false;
  if (error instanceof TypeORMError && !(error instanceof QueryFailedError)) return false;
  return describePermanentFault(error) === undefined;
}
