import { healthPorts } from './platform/config/config.ts';

/** Docker ends a check after its own limit without a word, so this one ends first and says why. */
const TIMEOUT_MS = 2_500;

/**
 * Whether the process beside it is ready, as exit code 0 or 1: what the image's HEALTHCHECK runs. API and worker are
 * the same image, and only one of them runs in a container, so whichever port answers is the one to believe.
 */
async function check(): Promise<{ isReady: boolean; reason: string }> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let reason = '';
  for (const port of healthPorts()) {
    const url = `http://127.0.0.1:${port}/health/ready`;
    try {
      const response = await fetch(url, { signal });
      return { isReady: response.ok, reason: `${url}: ${response.status} ${await response.text()}` };
    } catch (error) {
      reason = `${url}: ${describe(error)}`;
      if (!isRefused(error)) break;
    }
  }
  return { isReady: false, reason };
}

const isRefused = (error: unknown) => codeOfCause(error) === 'ECONNREFUSED';

function describe(error: unknown): string {
  return codeOfCause(error) ?? (error instanceof Error ? error.message : String(error));
}

/** fetch wraps what the socket said. */
function codeOfCause(error: unknown): string | undefined {
  return ((error as Error | undefined)?.cause as NodeJS.ErrnoException | undefined)?.code;
}

const { isReady, reason } = await check();
if (!isReady) process.stderr.write(`${reason}\n`);
process.exit(isReady ? 0 : 1);
