import { NestFactory } from '@nestjs/core';
import { loadConfig } from './platform/config/config.ts';
import { settingWarnings } from './platform/config/setting-checks.ts';
import { HealthService } from './platform/health/health.service.ts';
import { createLogger } from './platform/logging/logger.ts';
import { AppLogger } from './platform/logging/logging.module.ts';
import { NestLogger } from './platform/logging/nest-logger.ts';
import { exitWhenEventLoopBlocks } from './platform/process/event-loop-watchdog.ts';
import { shutDownOnSignals, exitOnSignalsDuringStart } from './platform/process/shutdown.ts';
import { start } from './platform/process/start.ts';
import { waitForDatabase } from './platform/process/wait-for-database.ts';
import { startTracing } from './platform/tracing/tracing.ts';
import { WorkerModule } from './worker.module.ts';

await start(async () => {
  const config = loadConfig();
  await startTracing(config, 'worker');
  const stopExitingOnSignals = exitOnSignalsDuringStart();
  const releasePort = await waitForDatabase(config, 'worker', { port: config.METRICS_PORT });
  await releasePort();
  const app = await NestFactory.createApplicationContext(WorkerModule.with(config), {
    logger: new NestLogger(createLogger(config.LOG_LEVEL)),
    abortOnError: false,
  });
  const logger = app.get(AppLogger);
  app.useLogger(new NestLogger(logger));
  const health = app.get(HealthService);
  stopExitingOnSignals();
  // No load balancer sends requests to the worker, so it needs no time to drain.
  const withoutDrain = { ...config, SHUTDOWN_DRAIN_SECONDS: 0 };
  shutDownOnSignals(app, { config: withoutDrain, logger, drain: () => health.drain() });
  exitWhenEventLoopBlocks(config.EVENT_LOOP_BLOCKED_SECONDS);
  settingWarnings(config).forEach((warning) => logger.warn(warning));
  logger.info('Worker started');
});
