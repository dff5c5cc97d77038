import type { INestApplicationContext } from '@nestjs/common';
import { type Logger, symbols } from 'pino';
import { AppLogger } from '../../src/platform/logging/logging.module.ts';

export type LogLine = Record<string, unknown> & { level: string; msg: string };

/** Captures the log lines that this application would write to stdout. */
export function captureLogs(app: INestApplicationContext) {
  const text: string[] = [];
  const logger = app.get<Logger & { [symbols.streamSym]: object }>(AppLogger);
  logger[symbols.streamSym] = { write: (line: string) => text.push(line) };
  logger.level = 'trace';
  return {
    text: () => text.join(''),
    lines: () => text.map((line) => JSON.parse(line) as LogLine),
    clear: () => void text.splice(0),
  };
}
