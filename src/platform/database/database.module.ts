import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Config } from '../config/config.ts';
import { describePermanentFault } from './connection-faults.ts';
import { dataSourceOptions, type ProcessRole } from './data-source.ts';
import { ForeignKeyCheck } from './foreign-key-check.ts';
import { RetryingDataSource } from './retrying-data-source.ts';

@Module({})
export class DatabaseModule {
  /** The pool closes after everything that uses it: see docs/architecture.md, "Shutdown". */
  static for(role: Exclude<ProcessRole, 'migrate'>): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [ForeignKeyCheck],
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Config],
          useFactory: (config: Config) => ({
            ...dataSourceOptions(config, role),
            autoLoadEntities: true,
            // Postgres may start later: keep trying, because a crash loop would only be slower.
            retryAttempts: config.NODE_ENV === 'test' ? 0 : 300,
            retryDelay: 1_000,
            toRetry: (error: Error) => describePermanentFault(error) === undefined,
          }),
          dataSourceFactory: async (options) => new RetryingDataSource(options!),
        }),
      ],
    };
  }
}
