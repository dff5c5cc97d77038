import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { JobFilesService } from '../../src/jobs/job-files.service.ts';
import { createJob, jobRow } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { script, scripted, scriptedHandlers } from '../support/scripted-jobs.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let owner: SignedIn;
let otherUser: SignedIn;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ handlers: scriptedHandlers });
  [owner, otherUser, admin] = await Promise.all([
    signedIn(app),
    signedIn(app),
    signedIn(app, { role: 'admin' }),
  ]);
});

afterAll(() => app.stop());

const ownJob = (overrides = {}) => createJob(app, { userId: owner.user.id, ...overrides });

/** A completed job with this text as its result. */
async function jobWithResult(text: string) {
  const files = app.api.get(JobFilesService);
  const file = await files.create(
    { name: 'report.csv', mediaType: 'text/csv; charset=utf-8' },
    app.db.manager,
  );
  await files.append(file.id, Buffer.from(text), app.db.manager);
  return ownJob({ status: 'completed', resultFileId: file.id });
}

describe('POST /v1/jobs', () => {
  it('starts a job of the caller and returns its URL', async () => {
    const input = script(async () => undefined);

    const answer = await owner.post('/v1/jobs', { type: scripted.type, input });

    const { id } = answer.body.data;
    expect(answer.status).toBe(202);
    expect(answer.headers['location']).toBe(`/v1/jobs/${id}`);
    expect(answer.body.data).toEqual({
      id,
      type: scripted.type,
      status: 'queued',
      progress: 0,
      attempts: 0,
      result: null,
      error: null,
      createdAt: expect.any(String),
      startedAt: null,
      finishedAt: null,
    });
    expect(await jobRow(app, id)).toMatchObject({ userId: owner.user.id, input });
  });

  it('rejects an unknown type and a type that only the system may start', async () => {
    const types = ['no-such-type', 'mail-send', 'user-import', '__proto__'];

    const answers = await Promise.all(types.map((type) => owner.post('/v1/jobs', { type, input: {} })));

    expect(answers.map((answer) => [answer.status, answer.body.code, answer.body.details[0].path])).toEqual(
      types.map(() => [422, 'VALIDATION_FAILED', 'type']),
    );
  });

  it('names the invalid field of the input', async () => {
    const answer = await owner.post('/v1/jobs', { type: scripted.type, input: { script: 1 } });

    expect([answer.status, answer.body.details[0].path]).toEqual([422, 'input.script']);
  });

  it('stores the correlation id and the trace of the request', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const request = owner.post('/v1/jobs', { type: scripted.type, input: script(async () => undefined) });

    const answer = await request.set({ 'x-correlation-id': 'from-the-client.1', traceparent });

    const row = await jobRow(app, answer.body.data.id);
    expect(row).toMatchObject({ correlationId: 'from-the-client.1', traceparent });
  });
});

describe('the limit of 100 unfinished jobs', () => {
  it('accepts one of thirty parallel requests for the last slot', async () => {
    const busy = await signedIn(app);
    await Promise.all(times(99, () => createJob(app, { userId: busy.user.id, status: 'active' })));
    const body = { type: scripted.type, input: script(async () => undefined) };

    const answers = await Promise.all(times(30, () => busy.post('/v1/jobs', body)));

    const rejected = answers.filter(({ status }) => status === 409);
    expect(rejected.map(({ body: { code } }) => code)).toEqual(times(29, () => 'LIMIT_REACHED'));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  });

  it('applies to retries too, except by an administrator for another user', async () => {
    const busy = await signedIn(app);
    await Promise.all(times(100, () => createJob(app, { userId: busy.user.id })));
    const failed = await createJob(app, { userId: busy.user.id, status: 'failed' });

    const answer = await busy.post(`/v1/jobs/${failed.id}/retry`);

    expect([answer.status, answer.body.code]).toEqual([409, 'LIMIT_REACHED']);
    expect((await admin.post(`/v1/jobs/${failed.id}/retry`)).status).toBe(202);
  });
});

describe('GET /v1/jobs', () => {
  it('lists each job of the caller once, newest first', async () => {
    const lister = await signedIn(app);
    const jobs = await Promise.all(
      times(7, (n) => createJob(app, { userId: lister.user.id, createdAt: new Date(2026, 0, n + 1) })),
    );

    const first = await lister.get('/v1/jobs?limit=3');
    const second = await lister.get(`/v1/jobs?limit=3&cursor=${first.body.meta.nextCursor}`);
    const third = await lister.get(`/v1/jobs?limit=3&cursor=${second.body.meta.nextCursor}`);

    const seen = [first, second, third].flatMap(({ body }) => body.data.map((job: { id: string }) => job.id));
    expect(seen).toEqual(jobs.map(({ id }) => id).toReversed());
    expect(third.body.meta.nextCursor).toBeNull();
  });

  it('filters by type and status, and rejects a cursor of other filters', async () => {
    const lister = await signedIn(app);
    const one = (type: string, status: 'failed' | 'completed') =>
      createJob(app, { userId: lister.user.id, type, status });
    const [wanted] = await Promise.all([one('a', 'failed'), one('a', 'completed'), one('b', 'failed')]);

    const answer = await lister.get('/v1/jobs?type=a&status=failed');
    const { body } = await lister.get('/v1/jobs?limit=1');
    const foreign = await lister.get(`/v1/jobs?limit=1&type=a&cursor=${body.meta.nextCursor}`);

    expect(answer.body.data.map((job: { id: string }) => job.id)).toEqual([wanted.id]);
    expect([foreign.status, foreign.body.code]).toEqual([400, 'INVALID_CURSOR']);
  });

  it('rejects an unknown status', async () => {
    const answer = await owner.get('/v1/jobs?status=lost');

    expect(answer.status).toBe(422);
  });

  it('shows an administrator the jobs of all users and of the system', async () => {
    const type = `type-${randomUUID()}`;
    await Promise.all([ownJob({ type }), createJob(app, { type, userId: null })]);

    const [all, own] = await Promise.all([
      admin.get(`/v1/jobs?type=${type}`),
      owner.get(`/v1/jobs?type=${type}`),
    ]);

    expect([all.body.data.length, own.body.data.length]).toEqual([2, 1]);
  });
});

describe('the job of another user', () => {
  it('is 404 on every route, like an unknown job', async () => {
    const job = await ownJob({ status: 'failed' });
    const ask = (who: SignedIn, id: string) => [
      who.get(`/v1/jobs/${id}`),
      who.post(`/v1/jobs/${id}/cancel`),
      who.post(`/v1/jobs/${id}/retry`),
      who.get(`/v1/jobs/${id}/result`),
    ];

    const answers = await Promise.all([
      ...ask(otherUser, job.id),
      ...ask(otherUser, randomUUID()),
      ...ask(owner, 'not-an-id'),
    ]);

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      times(12, () => [404, 'NOT_FOUND']),
    );
    expect(await jobRow(app, job.id)).toMatchObject({ status: 'failed' });
  });

  it('is accessible to an administrator', async () => {
    const job = await ownJob({ status: 'failed' });

    const answers = [await admin.get(`/v1/jobs/${job.id}`), await admin.post(`/v1/jobs/${job.id}/retry`)];

    expect(answers.map(({ status }) => status)).toEqual([200, 202]);
  });
});

describe('POST /v1/jobs/{id}/cancel', () => {
  it('cancels a queued job at once', async () => {
    const job = await ownJob();

    const answer = await owner.post(`/v1/jobs/${job.id}/cancel`);

    expect(answer.status).toBe(200);
    expect(answer.body.data).toMatchObject({ status: 'cancelled', finishedAt: expect.any(String) });
  });

  it('requests the cancellation of a running job', async () => {
    const job = await ownJob({ status: 'active' });

    const answer = await owner.post(`/v1/jobs/${job.id}/cancel`);

    expect([answer.status, answer.body.data.status]).toEqual([200, 'active']);
    expect((await jobRow(app, job.id)).cancelRequestedAt).not.toBeNull();
  });

  it.each(['completed', 'failed', 'cancelled'] as const)('is rejected for a %s job', async (status) => {
    const job = await ownJob({ status });

    const answer = await owner.post(`/v1/jobs/${job.id}/cancel`);

    expect([answer.status, answer.body.code]).toEqual([409, 'JOB_NOT_CANCELLABLE']);
  });
});

describe('POST /v1/jobs/{id}/retry', () => {
  it.each(['failed', 'cancelled'] as const)('resets a %s job to its initial state', async (status) => {
    const job = await ownJob({ status, attempts: 8, stalls: 5, errorCode: 'X', finishedAt: new Date() });

    const answer = await owner.post(`/v1/jobs/${job.id}/retry`);

    expect(answer.status).toBe(202);
    expect(answer.body.data).toMatchObject({ status: 'queued', attempts: 0, error: null, finishedAt: null });
    expect(await jobRow(app, job.id)).toMatchObject({ stalls: 0, cancelRequestedAt: null });
  });

  it.each(['queued', 'active', 'completed'] as const)('is rejected for a %s job', async (status) => {
    const job = await ownJob({ status });

    const answer = await owner.post(`/v1/jobs/${job.id}/retry`);

    expect([answer.status, answer.body.code]).toEqual([409, 'JOB_NOT_RETRYABLE']);
  });

  it('retries the job once for ten parallel requests', async () => {
    const job = await ownJob({ status: 'failed' });

    const answers = await Promise.all(times(10, () => owner.post(`/v1/jobs/${job.id}/retry`)));

    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'JOB_NOT_RETRYABLE')).toHaveLength(9);
  });
});

describe('GET /v1/jobs/{id}/result', () => {
  it('returns the file with its name', async () => {
    const job = await jobWithResult('line,email\n');

    const answer = await owner.get(`/v1/jobs/${job.id}/result`);

    expect([answer.status, answer.text]).toEqual([200, 'line,email\n']);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="report.csv"',
      'content-length': '11',
    });
  });

  it('aborts the response if the rest of the file is missing', async () => {
    const job = await jobWithResult('the first chunk');
    await app.api.get(JobFilesService).append(job.resultFileId!, Buffer.from('the rest'), app.db.manager);
    await app.db.query('DELETE FROM job_file_chunks WHERE file_id = $1 AND position = 1', [job.resultFileId]);

    const answer = await fetch(`${await app.listen()}/v1/jobs/${job.id}/result`, {
      headers: { authorization: `Bearer ${owner.accessToken}` },
      signal: AbortSignal.timeout(10_000),
    });

    await expect(answer.text()).rejects.toThrow('terminated');
  });

  it.each(['queued', 'active'] as const)('is rejected as too early for a %s job', async (status) => {
    const job = await ownJob({ status });

    const answer = await owner.get(`/v1/jobs/${job.id}/result`);

    expect([answer.status, answer.body.code]).toEqual([409, 'JOB_NOT_FINISHED']);
  });

  it.each(['completed', 'failed', 'cancelled'] as const)(
    'is 404 for a %s job without a result',
    async (status) => {
      const job = await ownJob({ status });

      const answer = await owner.get(`/v1/jobs/${job.id}/result`);

      expect([answer.status, answer.body.code]).toEqual([404, 'NOT_FOUND']);
    },
  );
});
