import { type DynamicModule, Module } from '@nestjs/common';
import { HealthController } from './health.controller.ts';
import { HealthService } from './health.service.ts';
import { PrivateServer } from './private-server.ts';
import { StalledWorker } from './stalled-worker.ts';

/** Both processes serve their health on METRICS_PORT, the API also on PORT. */
@Module({})
export class HealthModule {
  static forApi(): DynamicModule {
    return {
      module: HealthModule,
      global: true,
      controllers: [HealthController],
      providers: [HealthService, StalledWorker, PrivateServer],
      exports: [HealthService],
    };
  }

  static forWorker(): DynamicModule {
    return {
      module: HealthModule,
      global: true,
      providers: [HealthService, StalledWorker, PrivateServer],
      exports: [HealthService],
    };
  }
}
