import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Job } from '../../src/jobs/job.entity.ts';
import { createJob, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  createScripted,
  marksOf,
  scripted,
  scriptedHandlers,
  scriptedShort,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const PATH = '/v1/jobs/redrive';
const { type } = scripted;
const JOB_TYPES = [
  'mail-send',
  'user-erase',
  'user-export',
  'user-import',
  'webhook-disabled-notify',
  'webhook-endpoint-delete',
  'webhook-receive',
];

const FAILED = { status: 'failed', attempts: 8, stalls: 4, finishedAt: new Date() } as const;

describe('POST /v1/jobs/redrive', () => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ handlers: scriptedHandlers });
    admin = await signedIn(app, { role: 'admin' });
  });

  afterEach(() => app.db.query('DELETE FROM jobs'));
  afterAll(() => app.stop());

  const failedJob = (overrides: Partial<Job> = {}) => createJob(app, { type, ...FAILED, ...overrides });
  const statusOf = async ({ id }: Job) => (await jobRow(app, id)).status;
  const audited = () =>
    app.db.query<object[]>(
      `SELECT actor_id AS "actorId", data FROM audit_events WHERE type = 'jobs-redriven' ORDER BY created_at, id`,
    );

  it('resets all failed jobs of the type and leaves the others', async () => {
    const failed = await Promise.all(times(3, () => failedJob({ errorCode: 'INTERNAL', errorMessage: 'x' })));
    const others = await Promise.all([
      failedJob({ type: scriptedShort.type }),
      failedJob({ status: 'cancelled' }),
      failedJob({ status: 'completed' }),
      failedJob({ status: 'active' }),
    ]);

    const answer = await admin.post(PATH, { type });

    expect([answer.status, answer.body.data]).toEqual([202, { redriven: 3, hasMore: false }]);
    for (const { id } of failed) {
      expect(await jobRow(app, id)).toMatchObject({
        status: 'queued',
        attempts: 0,
        stalls: 0,
        errorCode: null,
        errorMessage: null,
        finishedAt: null,
        dispatchedAt: null,
      });
    }
    expect(await Promise.all(others.map(statusOf))).toEqual(['failed', 'cancelled', 'completed', 'active']);
  });

  it('finds no job the second time and audits only the first call', async () => {
    await failedJob();
    const before = await audited();

    const answers = [await admin.post(PATH, { type }), await admin.post(PATH, { type })];

    expect(answers.map(({ body }) => body.data.redriven)).toEqual([1, 0]);
    expect((await audited()).slice(before.length)).toEqual([
      { actorId: admin.user.id, data: { type, redriven: 1 } },
    ]);
  });

  it('filters by error code and by time of failure', async () => {
    const at = (minutes: number) => ({ finishedAt: new Date(Date.UTC(2026, 0, 1, 12, minutes)) });
    const jobs = await Promise.all([
      failedJob({ ...at(0), errorCode: 'INTERNAL' }),
      failedJob({ ...at(10), errorCode: 'INTERNAL' }),
      failedJob({ ...at(10), errorCode: 'NO_ROOM' }),
      failedJob({ ...at(20), errorCode: 'INTERNAL' }),
    ]);

    const from = '2026-01-01T13:05:00+01:00';
    const answer = await admin.post(PATH, { type, errorCode: 'INTERNAL', from, to: '2026-01-01T12:15:00Z' });

    expect(answer.body.data.redriven).toBe(1);
    expect(await Promise.all(jobs.map(statusOf))).toEqual(['failed', 'queued', 'failed', 'failed']);
  });

  it('retries each job once for ten parallel calls', async () => {
    const jobs = await Promise.all(times(200, () => failedJob()));

    const answers = await Promise.all(times(10, () => admin.post(PATH, { type })));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const counts: number[] = answers.map(({ body }) => body.data.redriven);
    expect(counts.reduce((sum, count) => sum + count)).toBe(200);
    expect(new Set(await Promise.all(jobs.map(statusOf)))).toEqual(new Set(['queued']));
  });

  it('retries a limited batch, oldest first, and reports that more remain', async () => {
    const { id } = await failedJob({ createdAt: new Date(0) });
    await app.db.query(
      `INSERT INTO jobs (id, type, status, input, correlation_id, finished_at)
       SELECT gen_random_uuid(), type, status, input, correlation_id, finished_at
       FROM jobs, generate_series(1, 5001) WHERE id = $1`,
      [id],
    );

    const first = await admin.post(PATH, { type });
    const oldest = await jobRow(app, id);
    const second = await admin.post(PATH, { type });

    expect(first.body.data).toEqual({ redriven: 5_000, hasMore: true });
    expect(oldest.status).toBe('queued');
    expect(second.body.data).toEqual({ redriven: 2, hasMore: false });
  });

  it.each([
    ['a type that there is not', { type: 'no-such-type' }, 'type'],
    ['a name of an object’s own', { type: '__proto__' }, 'type'],
    ['no type', {}, 'type'],
    ['a time that is none', { type, from: 'yesterday' }, 'from'],
    ['a status', { type, status: 'completed' }, 'status'],
  ])('rejects %s', async (_, body, path) => {
    const answer = await admin.post(PATH, body);

    expect([answer.status, answer.body.code, answer.body.details[0].path]).toEqual([
      422,
      'VALIDATION_FAILED',
      path,
    ]);
  });

  it('accepts all job types in a process without workers', async () => {
    const other = await app.startAnother();

    const answers = await Promise.all(JOB_TYPES.map((one) => admin.post(PATH, { type: one }, other)));

    expect(answers.map(({ status }) => status)).toEqual(JOB_TYPES.map(() => 202));
  });
});

describe.each(backends)('redriven jobs on %s', (backend) => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await createMarks(app);
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  it('run once each after any number of redrives', async () => {
    const jobs = await Promise.all(times(100, () => createScripted(app, completeWithMark, FAILED)));

    await Promise.all(times(5, () => admin.post(PATH, { type })));

    await until(
      async () => (await app.db.query(`SELECT FROM jobs WHERE status <> 'completed'`)).length === 0,
      'all to complete',
    );
    expect(await marksOf(app, jobs)).toEqual(times(100, () => 1));
  });

  it('get all their attempts again', async () => {
    let runs = 0;
    const job = await createScripted(
      app,
      async () => {
        runs += 1;
        throw new Error('still broken');
      },
      FAILED,
    );

    await admin.post(PATH, { type });

    await until(() => runs > 0, 'the first run');
    expect(await untilJob(app, job.id, 'failed')).toMatchObject({ attempts: scripted.attempts, stalls: 0 });
    expect(runs).toBe(scripted.attempts);
  });
});
