import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

interface WatchdogData {
  eventLoopBlockedSeconds: number;
  /** A counter that the main thread increments. In shared memory, because a blocked thread can't send messages. */
  ticks: Int32Array;
}

const TICK_MS = 250;

/**
 * Ends this process when its event loop is blocked for longer than this time. A second thread watches it, because a
 * blocked thread can't act. See docs/decisions/0070-processes-that-end-themselves.md.
 */
export function exitWhenEventLoopBlocks(seconds: number): void {
  if (seconds === 0) return;
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  setInterval(() => Atomics.add(ticks, 0, 1), TICK_MS).unref();
  const data: WatchdogData = { eventLoopBlockedSeconds: seconds, ticks };
  const thread = new Worker(new URL(import.meta.url), {
    workerData: data,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  thread.unref();
}

/**
 * Counts its own ticks, not time: while the machine is suspended or has no free CPU, both threads stop. That must not
 * end the process.
 */
function watch({ eventLoopBlockedSeconds, ticks }: WatchdogData): void {
  const limit = (eventLoopBlockedSeconds * 1_000) / TICK_MS;
  let seen = -1;
  let unchanged = 0;
  setInterval(() => {
    const current = Atomics.load(ticks, 0);
    unchanged = current === seen ? unchanged + 1 : 0;
    seen = current;
    if (unchanged < limit) return;
    unchanged = 0;
    endProcess(eventLoopBlockedSeconds);
  }, TICK_MS);
}

/** `process.exit()` would end this thread only. The kernel ignores the signal if the process is PID 1. */
function endProcess(seconds: number): void {
  const isFirst = process.pid === 1;
  const line = {
    level: 'fatal',
    time: Date.now(),
    pid: process.pid,
    source: 'EventLoopWatchdog',
    seconds,
    msg: isFirst
      ? 'Event loop blocked, and PID 1 can’t end itself: run the container with an init process'
      : 'Event loop blocked: ending the process',
  };
  try {
    writeSync(1, `${JSON.stringify(line)}\n`);
  } catch {
    // The reader of stdout is gone, or its pipe is full.
  }
  process.kill(process.pid, 'SIGKILL');
}

const data = workerData as Partial<WatchdogData> | null;
if (!isMainThread && data?.eventLoopBlockedSeconds) watch(data as WatchdogData);
