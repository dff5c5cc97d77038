import { healthPorts } from './platform/config/config.ts';

/** Shorter than Docker's own limit, after which Docker stops the check without a message. */
const TIMEOUT_MS = 2_500;

/**
 * The HEALTHCHECK of the image: exits with 0 if the process in this container is ready, otherwise with 1. A container runs
 * either the API or the worker, so the first port that responds counts.
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

/** fetch wraps the error of the socket. */
function codeOfCause(error: unknown): string | undefined {
  return ((error as Error | undefined)?.cause as NodeJS.ErrnoException | undefined)?.code;
}

const { isReady, reason } = await check();
if (!isReady) process.stderr.write(`${reason}\n`);
process.exit(isReady ? 0 : 1);
