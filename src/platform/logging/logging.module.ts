import { Global, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import { Config } from '../config/config.ts';
import { createLogger } from './logger.ts';

/** The injection token of the pino logger, for classes that create child loggers. */
// oxlint-disable-next-line typescript/no-extraneous-class, typescript/no-unsafe-declaration-merging
export abstract class AppLogger {}
export interface AppLogger extends Logger {}

@Global()
@Module({
  providers: [
    {
      provide: AppLogger,
      inject: [Config],
      useFactory: (config: Config) => createLogger(config.LOG_LEVEL),
    },
  ],
  exports: [AppLogger],
})
export class LoggingModule {}
