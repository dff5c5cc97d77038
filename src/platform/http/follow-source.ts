import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

/** Called with a message about a change, or without one when messages may have been missed. */
export type Wake = (message?: object) => void;

export interface EventSource {
  /** Calls `wake` until the returned function is called. */
  subscribe(wake: Wake): () => void;
  /** Sends the changes. Called at the start and after each wake, never twice at a time. */
  poll(): Promise<void>;
  /** How often to poll without a wake, because one may get lost. */
  pollMs: number;
}

const RETRY_MS = 1_000;
/** Streams poll at different times after the message bus has reconnected. */
const BUS_RECONNECT_SPREAD_MS = 2_000;

const logger = new Logger('EventStream');

/** Polls the source now and after each wake, until the signal aborts. A failed poll is repeated. */
export function followSource(source: EventSource, signal: AbortSignal): void {
  let isStale = true;
  let woken = Promise.withResolvers<void>();
  const wakeNow = () => {
    isStale = true;
    woken.resolve();
  };
  const wake: Wake = (message) => {
    if (message) wakeNow();
    else setTimeout(wakeNow, Math.random() * BUS_RECONNECT_SPREAD_MS).unref();
  };
  const unsubscribe = source.subscribe(wake);
  const interval = setInterval(wakeNow, source.pollMs);
  signal.addEventListener('abort', wakeNow);
  const poll = pollWithRetry(source, signal);
  const run = async () => {
    while (!signal.aborted) {
      if (isStale) {
        isStale = false;
        if (!(await poll())) isStale = true;
      } else {
        await woken.promise;
        woken = Promise.withResolvers<void>();
      }
    }
    clearInterval(interval);
    unsubscribe();
  };
  void run();
}

/** Returns false after a failed poll and a pause. */
function pollWithRetry(source: EventSource, signal: AbortSignal): () => Promise<boolean> {
  let hasFailed = false;
  return async () => {
    try {
      await source.poll();
      hasFailed = false;
      return true;
    } catch (error) {
      if (!hasFailed) logger.warn({ msg: 'Stream poll failed: retrying', err: error });
      hasFailed = true;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      return false;
    }
  };
}
