import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mailSend } from '../../src/mail/mail.service.ts';
import { jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { Dashboard } from '../support/dashboard.ts';
import { backends } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  scriptedHandlers,
  scriptedPatient,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const TYPE = 'test-scripted';

describe.each(backends)('the queues of the dashboard on %s', (backend) => {
  let app: TestApp;
  let dashboard: Dashboard;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await createMarks(app);
    dashboard = await Dashboard.open(app);
  });

  afterAll(() => app.stop());

  it('include all job types in an API process without workers', async () => {
    // The separate process loads the modules of the API and none of the worker.
    const api = await app.startAnother();

    const { body } = await app.http(api).get('/admin/queues/api/queues').set('cookie', dashboard.cookie);

    const { JobTypes } = await import('../../src/jobs/job-definition.ts');
    const ofWorker = app.workers[0]!.get(JobTypes)
      .keys()
      .filter((type) => !type.startsWith('test-'));
    expect(body.queues.map(({ name }: { name: string }) => name).toSorted()).toEqual(ofWorker.toSorted());
    expect(ofWorker).toContain(mailSend.type);
  });

  it('run no job while they are paused and all jobs when they are resumed', async () => {
    expect((await dashboard.put(`/api/queues/${TYPE}/pause`)).status).toBe(200);
    const jobs = await Promise.all(times(3, () => startScripted(app, completeWithMark)));
    await until(async () => (await dashboard.counts(TYPE))['waiting'] === 3, 'the jobs to wait in the queue');
    // A job in another queue has completed, so an unpaused queue would have run this one.
    const other = await startScripted(app, completeWithMark, { definition: scriptedPatient });
    await untilJob(app, other.id, 'completed');

    const whilePaused = await Promise.all(jobs.map(({ id }) => jobRow(app, id)));
    const { isPaused } = await dashboard.queue(TYPE);
    expect((await dashboard.put(`/api/queues/${TYPE}/resume`)).status).toBe(200);

    expect(isPaused).toBe(true);
    expect(whilePaused.map(({ status }) => status)).toEqual(['queued', 'queued', 'queued']);
    for (const { id } of jobs) await untilJob(app, id, 'completed');
    expect((await dashboard.queue(TYPE)).isPaused).toBe(false);
  });

  it('can all be paused and resumed at once', async () => {
    await dashboard.put('/api/queues/pause');
    const paused = await dashboard.get('/api/queues');
    await dashboard.put('/api/queues/resume');
    const resumed = await dashboard.get('/api/queues');

    const states = ({ body }: typeof paused) => new Set(body.queues.map((queue: any) => queue.isPaused));
    expect([states(paused), states(resumed)]).toEqual([new Set([true]), new Set([false])]);
  });

  it.each([
    ['one', (id: string) => `/${id}/promote`],
    ['all', () => '/promote'],
  ])('run a job at once that waits for its next attempt: %s', async (_name, action) => {
    let runs = 0;
    const job = await startScripted(
      app,
      async (ctx) => {
        runs += 1;
        if (runs === 1) throw new Error('not yet');
        await completeWithMark(ctx);
      },
      { definition: scriptedPatient },
    );
    const type = scriptedPatient.type;
    await until(async () => (await dashboard.counts(type))['delayed'] === 1, 'the job to wait for its time');

    const answer = await dashboard.put(`/api/queues/${type}${action(job.id)}`);

    expect(answer.status).toBeLessThan(300);
    expect((await untilJob(app, job.id, 'completed')).attempts).toBe(2);
  });

  it('show ids and no job data', async () => {
    const secret = `secret-${randomUUID()}@example.com`;
    const job = await startScripted(
      app,
      async () => {
        throw new Error(secret);
      },
      { definition: scriptedPatient, userId: dashboard.admin.user.id },
    );
    await until(async () => (await dashboard.counts(scriptedPatient.type))['delayed'] === 1, 'the first run');

    const inQueue = await dashboard.get(`/api/queues/${scriptedPatient.type}/${job.id}`);
    const list = await dashboard.get('/api/queues').query({ activeQueue: scriptedPatient.type });

    expect(inQueue.body.job).toMatchObject({ id: job.id, name: scriptedPatient.type, data: {} });
    expect(list.text).toContain(job.id);
    for (const { text } of [inQueue, list]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(dashboard.admin.user.id);
      expect(text).not.toContain('"script"');
    }
    await dashboard.put(`/api/queues/${scriptedPatient.type}/promote`);
    await untilJob(app, job.id, 'queued', 'failed');
  });

  it.each<[string, 'post' | 'put' | 'patch']>([
    ['add', 'post'],
    ['empty', 'put'],
    ['obliterate', 'put'],
    ['clean/wait', 'put'],
    ['retry/failed', 'put'],
    ['concurrency', 'put'],
    ['rate-limit', 'put'],
    ['rate-limit/release', 'put'],
    ['any-id/clean', 'put'],
    ['any-id/retry', 'put'],
    ['any-id/update-data', 'patch'],
    ['any-id/delay', 'patch'],
    ['any-id/priority', 'patch'],
    ['job-schedulers/any-id/run', 'put'],
    ['job-schedulers/any-id/remove', 'put'],
  ])('cannot be changed in other ways: %s', async (action, method) => {
    const http = app.http();
    const request = http[method](`/admin/queues/api/queues/${TYPE}/${action}`);
    const answer = await request.set({ cookie: dashboard.cookie, 'sec-fetch-site': 'same-origin' });

    expect(answer).toMatchObject({ status: 403, body: { error: { key: 'ERRORS.FORBIDDEN' } } });
  });

  it('respond with 404 for an unknown queue', async () => {
    expect((await dashboard.put('/api/queues/of-no-type/pause')).status).toBe(404);
    expect((await dashboard.get(`/api/queues/${TYPE}/${randomUUID()}`)).status).toBe(404);
  });
});
