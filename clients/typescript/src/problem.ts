import type { ErrorCode, Problem } from './schema.ts';

/** An error response of the API. Use `code` in conditions, and show `message` to people. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  /** The document lists the known codes. A newer server can send others. */
  readonly code: ErrorCode | (string & {});
  /** One entry per invalid field. */
  readonly details: NonNullable<Problem['details']>;
  /** Finds the request in the logs of the server. */
  readonly correlationId: string | undefined;
  /** Sent with 429 and 503: wait this long before the next attempt. */
  readonly retryAfterSeconds: number | undefined;

  constructor(response: Response, problem: Partial<Problem>) {
    const { title = response.statusText, detail, details = [] } = problem;
    const text = detail ? `${title}: ${detail}` : title;
    super([text, ...details.map(({ message }) => message)].join(' '));
    this.status = response.status;
    this.code = problem.code ?? `HTTP_${response.status}`;
    this.details = details;
    this.correlationId = problem.correlationId;
    const retryAfter = response.headers.get('retry-after');
    this.retryAfterSeconds = retryAfter === null ? undefined : Number(retryAfter);
  }

  /** A proxy in front of the API may send an error without a problem document. */
  static async of(response: Response): Promise<ProblemError> {
    const problem: unknown = await response.json().catch(() => ({}));
    return new ProblemError(response, problem ?? {});
  }
}
