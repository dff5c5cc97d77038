import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './terminal.ts';

export interface Call {
  /** Sent as JSON. */
  json?: unknown;
  /** Streamed as `text/csv`. A function, because a retry after a 429 sends it again. */
  csv?: () => AsyncIterable<Uint8Array>;
  /** The Cookie header. */
  cookie?: string;
  /** The Idempotency-Key header. */
  idempotencyKey?: string;
  timeoutMs?: number;
}

export interface ClientOptions {
  baseUrl: string;
  /** Sent with each request, so that the run can be found in the server's logs. */
  correlationId: string;
  onWaiting: (text: string) => void;
  accessToken?: string;
}

export interface ApiResponse<T> {
  status: number;
  headers: Headers;
  /** The raw body. Empty for 204. */
  bytes: Uint8Array;
  text: string;
  /** `data` and `meta` of the envelope. Undefined if the body is not JSON. */
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
/** A longer Retry-After makes the call fail. */
const LONGEST_WAIT_SECONDS = 120;

/** A client of the API. */
export class ApiClient {
  readonly baseUrl: string;
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
  }

  /** The same API with another access token. */
  as({ accessToken }: { accessToken: string }): ApiClient {
    return new ApiClient({ ...this.options, accessToken });
  }

  /** Any other status than the expected ones throws a Failure with the problem document. */
  async call<T>(request: string, expected: number | number[], call: Call = {}): Promise<ApiResponse<T>> {
    for (;;) {
      const response = await this.send<T>(request, call);
      if ([expected].flat().includes(response.status)) return response;
      if (response.status !== 429) throw failureOf(request, [expected].flat().join(' or '), response);
      await this.pause(request, response);
    }
  }

  /** A streamed response body, until the signal aborts. */
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

  private async send<T>(request: string, call: Call): Promise<ApiResponse<T>> {
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
      const { data, meta } = (isJson ? JSON.parse(text) : {}) as Pick<ApiResponse<T>, 'data' | 'meta'>;
      return { status: response.status, headers: response.headers, bytes, text, data, meta };
    } catch (error) {
      throw connectionFailure(request, timeoutMs, error);
    }
  }

  private headers({ json, csv, cookie, idempotencyKey }: Call): Record<string, string> {
    const { accessToken, correlationId } = this.options;
    return {
      'X-Correlation-Id': correlationId,
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(csv === undefined ? {} : { 'Content-Type': 'text/csv' }),
      ...(cookie ? { Cookie: cookie } : {}),
      ...(idempotencyKey ? { 'Idempotency-Key': idempotencyKey } : {}),
      ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
    };
  }

  private async pause(request: string, response: ApiResponse<unknown>): Promise<void> {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    if (!(seconds <= LONGEST_WAIT_SECONDS))
      throw failureOf(request, 'no rate limit, or a short Retry-After', response);
    this.options.onWaiting(`rate limited (429): waiting ${seconds} s`);
    await sleep(Math.max(seconds, 1) * 1000);
  }
}

function bodyOf({ json, csv }: Call): { body?: string | AsyncIterable<Uint8Array>; duplex?: 'half' } {
  if (json !== undefined) return { body: JSON.stringify(json) };
  return csv === undefined ? {} : { body: csv(), duplex: 'half' };
}

function failureOf(request: string, expected: string, response: ApiResponse<unknown>): Failure {
  const problem = problemOf(response.text);
  return new Failure(expected, [response.status, problem.code].filter(Boolean).join(' '), {
    request,
    ...(problem.detail && { detail: problem.detail }),
    ...(problem.details && { details: problem.details.map(describe).join('\n') }),
    ...(problem.correlationId && { 'correlation id': problem.correlationId }),
  });
}

function describe(detail: { path: string; code: string; message: string }): string {
  return `${detail.path || 'body'}: ${detail.code} ${detail.message}`;
}

/** The body may not be a problem document, for example if a proxy responded. */
function problemOf(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

function connectionFailure(request: string, timeoutMs: number, error: unknown): Failure {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Failure(`a response within ${timeoutMs / 1000} s`, 'none', { request });
  }
  return new Failure('a response', connectionFault(error), { request });
}

/** The error of the connection (ECONNREFUSED, ENOTFOUND, …) is the cause of fetch's error. */
export function connectionFault(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const { code, message } = cause as { code?: string; message?: string };
  return code || message || String(cause);
}

export function expectEqual(what: string, got: unknown, expected: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Failure(`${what} ${format(expected)}`, format(got));
  }
}

/** Expects any non-empty text, for example a token or an id. */
export function expectText(what: string, got: unknown): string {
  if (typeof got === 'string' && got !== '') return got;
  throw new Failure(what, format(got));
}

function format(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
