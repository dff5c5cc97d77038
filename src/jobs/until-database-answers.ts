import { setTimeout as pause } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../platform/database/postgres-errors.ts';

const PAUSE_MS = 500;

/** For what must not be lost with the connection: tried again while Postgres is away, until `signal` aborts. */
export async function untilDatabaseAnswers<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isDatabaseUnavailable(error)) throw error;
      await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
