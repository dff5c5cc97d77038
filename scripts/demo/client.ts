import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './terminal.ts';

export interface Call {
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as `text/csv` without holding it whole; a function, because a call that is repeated after a 429 sends it again. */
  csv?: () => AsyncIterable<Uint8Array>;
  /** As a browser would send it. */
  cookie?: string;
  timeoutMs?: number;
}

export interface ClientOptions {
  baseUrl: string;
  /** Sent with each call, so that a run can be found in the logs of the server. */
  correlationId: string;
  onWaiting: (text: string) => void;
  accessToken?: string;
}

export interface Answer<T> {
  status: number;
  headers: Headers;
  /** The body as it came; empty for 204. */
  bytes: Uint8Array;
  text: string;
  /** What stands in the envelope's `data` and `meta`; undefined when the body is no JSON. */
  data: T;
  meta: { limit: number; nextCursor: string | null };
}

interface Problem {
  code?: string;
  detail?: string;
  correlationId?: string;
  details?: { path: string; code: string; message: string }[];
}

const REQUEST_TIMEOUT_MS = 15_000;
/** A server that wants a longer pause than this rejects the call. */
const LONGEST_WAIT_SECONDS = 120;

/** The API as an outsider sees it: HTTP, one envelope, one error shape. */
export class ApiClient {
  readonly baseUrl: string;
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
  }

  /** The same API, called by the one whom the token was given to. */
  as({ accessToken }: { accessToken: string }): ApiClient {
    return new ApiClient({ ...this.options, accessToken });
  }

  /** Answers with one of the expected statuses; any other is a Failure that carries the problem document. */
  async call<T>(request: string, expected: number | number[], call: Call = {}): Promise<Answer<T>> {
    for (;;) {
      const answer = await this.send<T>(request, call);
      if ([expected].flat().includes(answer.status)) return answer;
      if (answer.status !== 429) throw failureOf(request, [expected].flat().join(' or '), answer);
      await this.pause(request, answer);
    }
  }

  /** An answer without an end, until the signal aborts. */
  async open(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const request = `GET ${path}`;
    const response = await fetch(new URL(path, `${this.baseUrl}/`), {
      headers: this.headers({}),
      signal,
    }).catch((error: unknown) => {
      throw connectionFailure(request, REQUEST_TIMEOUT_MS, error);
    });
    if (response.status === 200 && response.body) return response.body;
    throw new Failure('200', String(response.status), { request });
  }

  private async send<T>(request: string, call: Call): Promise<Answer<T>> {
    const [method = '', path = ''] = request.split(' ');
    const timeoutMs = call.timeoutMs ?? REQUEST_TIMEOUT_MS;
    try {
      const response = await fetch(new URL(path, `${this.baseUrl}/`), {
        method,
        headers: this.headers(call),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        ...bodyOf(call),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const text = new TextDecoder().decode(bytes);
      const isJson = /^application\/([\w.-]+\+)?json/.test(response.headers.get('content-type') ?? '');
      const { data, meta } = (isJson ? JSON.parse(text) : {}) as Pick<Answer<T>, 'data' | 'meta'>;
      return { status: response.status, headers: response.headers, bytes, text, data, meta };
    } catch (error) {
      throw connectionFailure(request, timeoutMs, error);
    }
  }

  private headers({ json, csv, cookie }: Call): Record<string, string> {
    const { accessToken, correlationId } = this.options;
    return {
      'X-Correlation-Id': correlationId,
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(csv === undefined ? {} : { 'Content-Type': 'text/csv' }),
      ...(cookie ? { Cookie: cookie } : {}),
      ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
    };
  }

  private async pause(request: string, answer: Answer<unknown>): Promise<void> {
    const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
    if (!(seconds <= LONGEST_WAIT_SECONDS)) throw failureOf(request, 'no rate limit, or a short one', answer);
    this.options.onWaiting(`rate limited (429): waiting ${seconds} s, as the server asks`);
    await sleep(Math.max(seconds, 1) * 1000);
  }
}

function bodyOf({ json, csv }: Call): { body?: string | AsyncIterable<Uint8Array>; duplex?: 'half' } {
  if (json !== undefined) return { body: JSON.stringify(json) };
  return csv === undefined ? {} : { body: csv(), duplex: 'half' };
}

function failureOf(request: string, expected: string, answer: Answer<unknown>): Failure {
  const problem = problemOf(answer.text);
  return new Failure(expected, [answer.status, problem.code].filter(Boolean).join(' '), {
    request,
    ...(problem.detail && { detail: problem.detail }),
    ...(problem.details && { details: problem.details.map(describe).join('\n') }),
    ...(problem.correlationId && { 'correlation id': problem.correlationId }),
  });
}

function describe(detail: { path: string; code: string; message: string }): string {
  return `${detail.path || 'body'}: ${detail.code} ${detail.message}`;
}

/** Something else than this API (a proxy, a server of another kind) may well answer with HTML. */
function problemOf(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

function connectionFailure(request: string, timeoutMs: number, error: unknown): Failure {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Failure(`an answer within ${timeoutMs / 1000} s`, 'none', { request });
  }
  return new Failure('an answer', connectionFault(error), { request });
}

/** fetch hides what went wrong (ECONNREFUSED, ENOTFOUND, …) in the cause. */
export function connectionFault(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const { code, message } = cause as { code?: string; message?: string };
  return code || message || String(cause);
}

export function expectEqual(what: string, got: unknown, expected: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Failure(`${what} ${shown(expected)}`, shown(got));
  }
}

/** For what only has to be there, as a token or an id. */
export function expectText(what: string, got: unknown): string {
  if (typeof got === 'string' && got !== '') return got;
  throw new Failure(what, shown(got));
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
