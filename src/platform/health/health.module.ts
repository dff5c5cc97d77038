import { type DynamicModule, Module } from '@nestjs/common';
import { HealthController } from './health.controller.ts';
import { HealthService } from './health.service.ts';
import { WorkerHealthServer } from './worker-health.server.ts';

/** The API serves its health on PORT, the worker on METRICS_PORT. */
@Module({})
export class HealthModule {
  static forApi(): DynamicModule {
    return {
      module: HealthModule,
      global: true,
      controllers: [HealthController],
      providers: [HealthService],
      exports: [HealthService],
    };
  }

  static forWorker(): DynamicModule {
    return {
      module: HealthModule,
      global: true,
      providers: [HealthService, WorkerHealthServer],
      exports: [HealthService],
    };
  }
}
