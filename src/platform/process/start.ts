import { StartupError } from '../config/config.ts';

/** Runs a program until it ends or has started. Prints a fault of the environment in words and exits with 1. */
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
  if (error instanceof StartupError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'The port is in use: set PORT to a free one, or stop what holds it.';
  return error.stack ?? error.message;
}
