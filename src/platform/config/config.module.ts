import { type DynamicModule, Module } from '@nestjs/common';
import { Config } from './config.ts';

@Module({})
export class ConfigModule {
  /** The settings are a parameter, so that tests can run several apps in one process. */
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [{ provide: Config, useValue: config }],
      exports: [Config],
    };
  }
}
