import { SetupError } from './processes.ts';

/** An error that the user can fix: printed as its message, without a stack. */
export class UsageError extends Error {}

/** Runs a program of the command line. `--help` prints its usage. */
export async function runProgram(usage: string, program: () => unknown): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(usage);
    return;
  }
  try {
    await program();
  } catch (error) {
    const isExpected = error instanceof UsageError || error instanceof SetupError || isArgumentError(error);
    if (!isExpected) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Thrown by parseArgs. */
const isArgumentError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
