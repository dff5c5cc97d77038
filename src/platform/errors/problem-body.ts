import type { AppError } from './app-error.ts';

interface Occurrence {
  publicUrl: string;
  /** As requested; its query may hold secrets and is left out. */
  url: string;
  correlationId: string;
}

/** More would make the response much larger than the request. */
const DETAILS_MAX = 50;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** The problem document (RFC 9457) of one error, as text. */
export function problemBody(
  { problem, extras }: AppError,
  { publicUrl, url, correlationId }: Occurrence,
): string {
  const { code, status, title } = problem;
  const omitted = (extras.details?.length ?? 0) - DETAILS_MAX;
  return JSON.stringify({
    type: `${publicUrl}/problems/${code}`,
    title,
    status,
    code,
    detail: [extras.detail ?? problem.detail, omitted > 0 && `${omitted} more are not listed.`]
      .filter(Boolean)
      .join(' '),
    instance: url.split('?')[0],
    correlationId,
    details: extras.details?.slice(0, DETAILS_MAX),
  });
}
