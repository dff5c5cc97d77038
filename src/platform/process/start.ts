import { StartupError } from '../config/config.ts';

/** Runs a program. If it throws, prints the error and exits with 1. A StartupError is printed without its stack. */
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
  if (code === 'EADDRINUSE') return 'The port is in use: set PORT to a free port, or stop the other process.';
  return error.stack ?? error.message;
}
