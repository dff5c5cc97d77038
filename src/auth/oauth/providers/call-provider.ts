import { Logger } from '@nestjs/common';
import { AppError } from '../../../platform/errors/app-error.ts';
import { withTimeout } from '../../../platform/errors/with-timeout.ts';
import { ProviderFailedError, ProviderUnavailableError } from '../oauth.errors.ts';

export const PROVIDER_TIMEOUT_MS = 5_000;
const BODY_MAX_BYTES = 256 * 1024;

const logger = new Logger('Providers');

/**
 * `fetch` for providers: a timeout of five seconds, no redirects and a size limit (OWASP ASVS 5.0, 15.3.2). Throws
 * PROVIDER_UNAVAILABLE if a retry may help, otherwise PROVIDER_ERROR.
 */
export async function callProvider(url: string, init: RequestInit): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(PROVIDER_TIMEOUT_MS);
    const response = await fetch(url, { ...init, redirect: 'manual', signal });
    const { status, headers } = response;
    if (status >= 500 || status === 429) throw await discardBody(response, new ProviderUnavailableError());
    if (status >= 300 && status < 400) throw await discardBody(response, new ProviderFailedError());
    const body = await readBounded(response);
    return new Response(body.length > 0 ? body : null, { status, headers });
  } catch (error) {
    const { origin, pathname } = new URL(url);
    logger.warn({ msg: 'A call to a provider failed', url: origin + pathname, reason: reasonOf(error) });
    throw error instanceof AppError ? error : new ProviderUnavailableError();
  }
}

async function readBounded(response: Response): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    // Leaving the loop closes the connection.
    if (size > BODY_MAX_BYTES) throw new ProviderFailedError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function discardBody(response: Response, error: AppError): Promise<AppError> {
  await response.body?.cancel();
  return error;
}

/** Rejects with PROVIDER_UNAVAILABLE if all calls together exceed the time limit of one call. */
export const withinTimeLimit = <T>(work: Promise<T>): Promise<T> =>
  withTimeout(work, PROVIDER_TIMEOUT_MS, () => new ProviderUnavailableError());

/**
 * Converts an error of the protocol library to the error of `callProvider` that caused it, or to PROVIDER_ERROR.
 * Logs only the message, because the causes contain tokens.
 */
export function providerErrorOf(error: unknown): AppError {
  let cause = error;
  while (cause instanceof Error && !(cause instanceof AppError)) cause = cause.cause;
  if (cause instanceof AppError) return cause;
  logger.warn({ msg: 'Provider response rejected', reason: reasonOf(error) });
  return new ProviderFailedError();
}

function reasonOf(error: unknown): string {
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: { code?: unknown } };
  return [code, message, cause?.code].filter((part) => typeof part === 'string' && part !== '').join(', ');
}
