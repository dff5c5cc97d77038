import type { INestApplicationContext } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';

interface Options {
  config: Config;
  logger: Logger;
  /** Told first: readiness turns 503 and answers ask clients to reconnect elsewhere. */
  drain: () => void;
}

/**
 * Ends the process as platforms expect it: SIGTERM or SIGINT drains, finishes what was begun, and exits 0; a second
 * signal, or the deadline, ends it at once. Nest's own signal handling closes without a drain and ends by sending
 * itself the signal again, which a process that is PID 1 never receives; so it isn't used.
 */
export function shutDownOnSignals(app: INestApplicationContext, options: Options): void {
  let ending = false;
  const end = (signal: NodeJS.Signals) => {
    if (ending) {
      options.logger.warn({ signal }, 'Second signal: ending at once');
      process.exit(1);
    }
    ending = true;
    void shutDown(app, signal, options);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  exitOnUncaughtError(options.logger);
}

async function shutDown(
  app: INestApplicationContext,
  signal: string,
  { config, logger, drain }: Options,
): Promise<void> {
  logger.info({ signal }, 'Shutting down');
  const deadline = setTimeout(() => {
    logger.error('The deadline has passed: ending with work unfinished');
    process.exit(1);
  }, config.SHUTDOWN_DEADLINE_SECONDS * 1_000);
  deadline.unref();
  try {
    drain();
    await pause(config.SHUTDOWN_DRAIN_SECONDS * 1_000);
    await app.close();
    logger.info('Shut down');
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'The shutdown failed');
    process.exit(1);
  }
}

/** After an error that nobody caught the state of the process is unknown: say so and let the supervisor start anew. */
function exitOnUncaughtError(logger: Logger): void {
  const die = (error: unknown) => {
    logger.fatal({ err: error }, 'An error that nobody caught');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

/** For the time before the application stands: an orchestrator may stop what it has just started. */
export function exitOnSignalsDuringStart(): () => void {
  const exit = () => process.exit(0);
  process.once('SIGTERM', exit);
  process.once('SIGINT', exit);
  return () => {
    process.off('SIGTERM', exit);
    process.off('SIGINT', exit);
  };
}
