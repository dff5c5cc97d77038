import { type DynamicModule, Module } from '@nestjs/common';
import { Config } from './config.ts';

@Module({})
export class ConfigModule {
  /** The root modules are given the settings, so that tests can run several apps in one process. */
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [{ provide: Config, useValue: config }],
      exports: [Config],
    };
  }
}
