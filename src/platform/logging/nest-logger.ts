import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Sends the lines of Nest and of `new Logger(name)` to pino, which adds the correlation id. */
export class NestLogger implements LoggerService {
  constructor(private readonly pino: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes (message, ...more, source). The properties of an object become fields of the line. */
  private write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const source = typeof rest.at(-1) === 'string' ? String(rest.at(-1)) : undefined;
    const stack = rest.find((part) => typeof part === 'string' && part.includes('\n    at '));
    const fields = { source, ...(stack ? { stack } : {}) };
    // Nest also throws these errors, and start() prints them.
    if (source === 'ExceptionHandler') return;
    if (message instanceof Error) this.pino[level]({ ...fields, err: message }, message.message);
    else if (isFields(message)) {
      const { msg, ...others } = message;
      this.pino[level]({ ...fields, ...others }, msg as string | undefined);
    } else this.pino[level](fields, String(message));
  }
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
