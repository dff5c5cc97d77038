import { Logger } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { isDatabaseUnavailable, isStatementTimeout } from '../platform/database/postgres-errors.ts';

const PAUSE_MS = 500;

const logger = new Logger('Jobs');

/** For what must not be lost with the connection: tried again while Postgres is away, until `signal` aborts. */
export async function retryUntilDatabaseAnswers<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await work();
    } catch (error) {
      const isAway = isDatabaseUnavailable(error) && !isStatementTimeout(error);
      if (signal.aborted || !isAway) throw error;
      if (isFirst) logger.warn({ msg: 'Postgres does not answer: a run waits for it', err: error });
      await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
