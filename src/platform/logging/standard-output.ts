import type { DestinationStream } from 'pino';
import sonic from 'sonic-boom';

/** Lines that wait for the reader of stdout. Further lines are dropped, so that they don't use up the memory. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** A write to a full pipe is repeated every 100 ms. The exit gives up after this many failed writes in a row. */
const RETRIES_MAX = 50;
/** Lines whose write has failed are written with the next line, or after this time. */
const REPEAT_MS = 1_000;

let output: DestinationStream | undefined;
let dropped = 0;
let reportDropped: (count: number) => void = () => undefined;

/** Calls back with the number of lines that were dropped, once the reader of stdout reads again. */
export function onDroppedLines(report: (count: number) => void): void {
  reportDropped = report;
}

/**
 * Writes log lines to stdout without waiting, and the last lines when the process exits. If the reader of stdout is gone or
 * reads nothing, the process still works and exits. With pino's own destination it does not exit: see
 * docs/decisions/0007-pino-directly.md.
 */
export function standardOutput(): DestinationStream {
  output ??= openStandardOutput();
  return output;
}

function openStandardOutput(): DestinationStream {
  const options = {
    // Reading `process.stdout` makes a pipe non-blocking. A full blocking pipe would block the exit.
    fd: process.stdout.fd,
    maxLength: WAITING_BYTES_MAX,
    // The types of the package lack this option.
    maxWriteRetries: RETRIES_MAX,
    periodicFlush: REPEAT_MS,
  };
  const stdout = new sonic.SonicBoom(options);
  // Without a listener, the error would end the process. The lines stay in memory: a full disk may get space again.
  stdout.on('error', () => undefined);
  stdout.on('drop', () => dropped++);
  stdout.on('drain', () => {
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    reportDropped(count);
  });
  process.on('exit', () => {
    try {
      stdout.flushSync();
    } catch {
      // Nothing reads the output.
    }
  });
  return stdout;
}
