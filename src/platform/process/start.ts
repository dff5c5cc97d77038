import { ConfigError } from '../config/config.ts';

/** Why a program won't run, in words for whoever started it. */
export class StartupError extends Error {}

/** Runs a program to its end or until it stands; a fault of the environment is told in words and ends it with 1. */
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
  if (error instanceof ConfigError || error instanceof StartupError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'The port is in use: set PORT to a free one, or stop what holds it.';
  return error.stack ?? error.message;
}
