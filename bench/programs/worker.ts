/** The worker, which also runs the no-op jobs. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobsModule } from '../../src/jobs/jobs.module.ts';
import { loadConfig } from '../../src/platform/config/config.ts';
import { AppLogger } from '../../src/platform/logging/logging.module.ts';
import { NestLogger } from '../../src/platform/logging/nest-logger.ts';
import { WorkerModule } from '../../src/worker.module.ts';
import { noOp, NoOpHandler } from './no-op.job.ts';

@Module({
  imports: [WorkerModule.with(loadConfig()), JobsModule.forFeature([noOp])],
  providers: [NoOpHandler],
})
class BenchWorkerModule {}

const app = await NestFactory.createApplicationContext(BenchWorkerModule, { bufferLogs: true });
app.useLogger(new NestLogger(app.get(AppLogger)));
process.once('SIGTERM', () => void app.close());
console.log('Worker started');
