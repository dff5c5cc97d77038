import { AppModule } from './app.module.ts';
import { loadKeys } from './auth/keys/key-ring.ts';
import { loadConfig } from './platform/config/config.ts';
import { settingWarnings } from './platform/config/setting-checks.ts';
import { HealthService } from './platform/health/health.service.ts';
import { createApp } from './platform/http/create-app.ts';
import { AppLogger } from './platform/logging/logging.module.ts';
import { exitWhenEventLoopBlocks } from './platform/process/event-loop-watchdog.ts';
import { shutDownOnSignals, exitOnSignalsDuringStart } from './platform/process/shutdown.ts';
import { start } from './platform/process/start.ts';
import { waitForDatabase } from './platform/process/wait-for-database.ts';
import { startTracing } from './platform/tracing/tracing.ts';

await start(async () => {
  const config = loadConfig(loadKeys);
  await startTracing(config, 'api');
  const stopExitingOnSignals = exitOnSignalsDuringStart();
  const releasePort = await waitForDatabase(config, 'api', { port: config.PORT, host: config.HOST });
  const app = await createApp(AppModule.with(config), config);
  const health = app.get(HealthService);
  await releasePort();
  await app.listen(config.PORT, config.HOST);
  // Not earlier: an application that is still starting can't be closed.
  stopExitingOnSignals();
  shutDownOnSignals(app, { config, logger: app.get(AppLogger), drain: () => health.drain() });
  exitWhenEventLoopBlocks(config.EVENT_LOOP_BLOCKED_SECONDS);
  settingWarnings(config).forEach((warning) => app.get(AppLogger).warn(warning));
  app.get(AppLogger).info({ url: config.PUBLIC_URL, port: config.PORT }, 'API started');
});
