import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from './account.ts';
import { type ApiResponse, type ApiClient, expectEqual, expectText } from './client.ts';
import { chunksOf, type ImportFile, parseCsv } from './csv.ts';
import { Failure, type Progress } from './terminal.ts';

interface Job {
  id: string;
  status: 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';
  progress: number;
  error: { code: string; message: string } | null;
  result: { imported: number; failed: number } | null;
}

const UPLOAD_TIMEOUT_MS = 60_000;
/** First fast, to show the progress of a short import. Then slower, to stay below 300 requests per minute. */
const FIRST_POLLS_MS = 200;
const LATER_POLLS_MS = 1_000;
const FIRST_POLLS_DURATION_MS = 10_000;
const QUEUED_LIMIT_MS = 60_000;
const PAGE_SIZE = 100;
const SHOWN_DIFFERENCES = 10;

/** @returns the path of the job */
export async function uploadFile(admin: ApiClient, file: ImportFile, progress: Progress): Promise<string> {
  const response = await admin.call('POST /v1/users/imports', 202, {
    csv: () => chunksOf(file),
    timeoutMs: UPLOAD_TIMEOUT_MS,
  });
  const location = expectText('a Location header', response.headers.get('location'));
  const path = pathOf(admin, location);
  if (!/^\/v1\/jobs\/[\w-]+$/.test(path)) throw new Failure('a Location like /v1/jobs/{id}', location);
  progress.note(path);
  return path;
}

export async function followJob(admin: ApiClient, path: string, progress: Progress): Promise<Job> {
  const startedAt = performance.now();
  for (;;) {
    const { data: job } = await admin.call<Job>(`GET ${path}`, 200);
    progress.bar(job.progress, 100);
    if (job.status === 'completed') {
      progress.note(`${job.result?.imported} imported, ${job.result?.failed} failed`);
      return job;
    }
    const elapsedMs = performance.now() - startedAt;
    assertProgressing(job, path, elapsedMs);
    await sleep(elapsedMs < FIRST_POLLS_DURATION_MS ? FIRST_POLLS_MS : LATER_POLLS_MS);
  }
}

function assertProgressing(job: Job, path: string, elapsedMs: number): void {
  const request = `GET ${path}`;
  if (job.status === 'failed' || job.status === 'cancelled') {
    const detail = job.error ? `${job.error.code} ${job.error.message}` : 'the job has no error';
    throw new Failure('a completed job', job.status, { request, detail });
  }
  if (job.status === 'queued' && elapsedMs > QUEUED_LIMIT_MS) {
    const hint = 'is the worker running?';
    throw new Failure(`a job that starts within ${QUEUED_LIMIT_MS / 1000} s`, 'queued', { request, hint });
  }
}

/** Compares the counts and the report with the faults in the file, line by line. */
export async function checkReport(
  admin: ApiClient,
  job: Job,
  { users, faults }: ImportFile,
  progress: Progress,
): Promise<void> {
  expectEqual('imported', job.result?.imported, users.size);
  expectEqual('failed', job.result?.failed, faults.size);

  const response = await admin.call(`GET /v1/jobs/${job.id}/result`, 200);
  expectEqual('the media type', response.headers.get('content-type')?.split(';')[0], 'text/csv');
  const rows = parseCsv(response.text);
  expectEqual('the columns', Object.keys(rows[0] ?? {}), ['line', 'email', 'code', 'message']);
  expectSameFaults(new Map(rows.map((row) => [Number(row.line), row.code ?? ''])), faults);
  // The map does not show a line that is reported twice.
  expectEqual('rows in the report', rows.length, faults.size);
  progress.note(`${rows.length} rows, each with the expected line and code`);
}

function expectSameFaults(got: Map<number, string>, expected: Map<number, string>): void {
  const differences = [...new Set([...expected.keys(), ...got.keys()])]
    .filter((line) => expected.get(line) !== got.get(line))
    .toSorted((a, b) => a - b)
    .map((line) => `line ${line}: ${expected.get(line) ?? 'no fault'}, but got ${got.get(line) ?? 'no row'}`);
  if (differences.length === 0) return;
  const shown = differences.slice(0, SHOWN_DIFFERENCES).join('\n');
  throw new Failure('the faults of the file', `a report with ${differences.length} differences`, { shown });
}

/** Reads all pages of the users of this run. Expects each user of the file once, in order and with its name. */
export async function checkUsers(
  admin: ApiClient,
  emailPrefix: string,
  { users }: ImportFile,
  progress: Progress,
): Promise<void> {
  const expected = [...users];
  let path: string | null =
    `/v1/users?limit=${PAGE_SIZE}&sort=email&email=${encodeURIComponent(emailPrefix)}`;
  let seen = 0;
  let pages = 0;
  // Fails at the first unexpected user: missing, repeated, foreign or out of order.
  for (; path; pages += 1) {
    const page: ApiResponse<User[]> = await admin.call(`GET ${path}`, 200);
    for (const { email, displayName } of page.data) {
      expectEqual(`user ${seen + 1} to be`, [email, displayName], expected[seen] ?? 'no user');
      seen += 1;
    }
    path = nextPath(admin, page);
    // Also ends the loop if a server sends empty pages forever.
    if (path) expectEqual('the users on a page', page.data.length, PAGE_SIZE);
    progress.bar(seen, expected.length);
  }
  expectEqual('users found', seen, expected.length);
  progress.note(`${seen} users on ${pages} pages`);
}

/** Follows the Link header (RFC 8288). The cursor in the body must be the same. */
function nextPath(api: ApiClient, { headers, meta }: ApiResponse<unknown>): string | null {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(headers.get('link') ?? '')?.[1];
  const path = link === undefined ? null : pathOf(api, link);
  const cursor = path === null ? null : new URL(path, api.baseUrl).searchParams.get('cursor');
  expectEqual('a rel="next" link with the cursor', cursor, meta.nextCursor);
  return path;
}

/** Without scheme and host, because PUBLIC_URL may differ from BASE_URL. */
function pathOf(api: ApiClient, url: string): string {
  const { pathname, search } = new URL(url, api.baseUrl);
  return `${pathname}${search}`;
}
