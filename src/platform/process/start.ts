import { RuntimeException } from '@nestjs/core/errors/exceptions/runtime.exception.js';
import { StartupError } from '../config/config.ts';

/**
 * Runs a program. If it throws, prints the error and exits with 1. Prints no stack if the error says what to change.
 */
export async function start(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Nest throws a RuntimeException for faults of modules, such as a provider that isn't imported.
  if (error instanceof StartupError || error instanceof RuntimeException) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'The port is in use: set PORT to a free port, or stop the other process.';
  return error.stack ?? error.message;
}
