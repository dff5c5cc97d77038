import type { INestApplicationContext } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { stopTracing } from '../tracing/tracing.ts';

interface Options {
  config: Config;
  logger: Logger;
  /** Called first: readiness becomes 503, and responses close their connections. */
  drain: () => void;
}

/**
 * SIGTERM or SIGINT drains, finishes running requests and jobs, and exits with 0. A second signal or the deadline exits
 * with 1. Nest's shutdown hooks are not used: they don't drain, and they end the process by sending the signal again, which
 * doesn't work for PID 1.
 */
export function shutDownOnSignals(app: INestApplicationContext, options: Options): void {
  let isShuttingDown = false;
  const handleSignal = (signal: NodeJS.Signals) => {
    if (isShuttingDown) {
      options.logger.warn({ signal }, 'Second signal: exiting at once');
      process.exit(1);
    }
    isShuttingDown = true;
    void shutDown(app, signal, options);
  };
  process.on('SIGTERM', handleSignal);
  process.on('SIGINT', handleSignal);
  exitOnUncaughtError(options.logger);
}

async function shutDown(
  app: INestApplicationContext,
  signal: string,
  { config, logger, drain }: Options,
): Promise<void> {
  logger.info({ signal }, 'Shutting down');
  // This timer also keeps the process alive until the end of the shutdown is logged.
  setTimeout(() => {
    logger.error('Shutdown deadline passed: exiting with unfinished work');
    process.exit(1);
  }, config.SHUTDOWN_DEADLINE_SECONDS * 1_000);
  try {
    drain();
    await pause(config.SHUTDOWN_DRAIN_SECONDS * 1_000);
    await app.close();
    await stopTracing();
    logger.info('Shutdown complete');
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'Shutdown failed');
    process.exit(1);
  }
}

/** After an uncaught error the state of the process is unknown: log it, exit, and let the supervisor restart it. */
function exitOnUncaughtError(logger: Logger): void {
  const exit = (error: unknown) => {
    logger.fatal({ err: error }, 'Uncaught exception');
    process.exit(1);
  };
  process.on('uncaughtException', exit);
  process.on('unhandledRejection', exit);
}

/** For the time before `shutDownOnSignals`. Call the returned function when the application has started. */
export function exitOnSignalsDuringStart(): () => void {
  const exit = () => process.exit(0);
  process.once('SIGTERM', exit);
  process.once('SIGINT', exit);
  return () => {
    process.off('SIGTERM', exit);
    process.off('SIGINT', exit);
  };
}
