import type { AppError } from './app-error.ts';

interface Occurrence {
  publicUrl: string;
  /** As requested; its query may hold secrets and is left out. */
  url: string;
  correlationId: string;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** The problem document (RFC 9457) of one error, as text. */
export function problemBody(
  { problem, extras }: AppError,
  { publicUrl, url, correlationId }: Occurrence,
): string {
  const { code, status, title } = problem;
  return JSON.stringify({
    type: `${publicUrl}/problems/${code}`,
    title,
    status,
    code,
    detail: extras.detail ?? problem.detail,
    instance: url.split('?')[0],
    correlationId,
    details: extras.details,
  });
}
