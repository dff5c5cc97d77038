import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { UnrecoverableJobError } from '../../src/jobs/job-handler.ts';
import { currentContext } from '../../src/platform/logging/request-context.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { createJob, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  door,
  marksOf,
  script,
  scripted,
  scriptedHandlers,
  scriptedPatient,
  scriptedShort,
  startScripted,
} from '../support/scripted-jobs.ts';
import { until } from '../support/until.ts';

describe.each(backends)('a run on %s', (backend) => {
  let app: TestApp;
  let owner: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await createMarks(app);
    owner = await signedIn(app);
  });

  afterAll(() => app.stop());

  const asOwner = () => ({ userId: owner.user.id });

  it('stores the return value of the handler as the result', async () => {
    const job = await startScripted(app, async () => ({ made: 3 }), asOwner());

    await untilJob(app, job.id, 'completed');

    const { body } = await owner.get(`/v1/jobs/${job.id}`);
    expect(body.data).toMatchObject({ status: 'completed', progress: 100, attempts: 1, result: { made: 3 } });
    expect(body.data.startedAt <= body.data.finishedAt).toBe(true);
  });

  it('is retried with pauses until it succeeds', async () => {
    const startedAt: number[] = [];

    const job = await startScripted(app, async () => {
      startedAt.push(Date.now());
      if (startedAt.length < 3) throw new Error('not yet');
    });

    expect(await untilJob(app, job.id, 'completed')).toMatchObject({ attempts: 3, errorCode: null });
    const pauses = startedAt.slice(1).map((time, n) => time - (startedAt[n] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(40);
  });

  it('waits in the queue for the backoff delay', async () => {
    const failing = async () => Promise.reject(new Error('not yet'));

    const job = await startScripted(app, failing, { definition: scriptedPatient });

    const row = await until(async () => {
      const found = await jobRow(app, job.id);
      return found.attempts === 1 && found.status === 'queued' && found;
    }, 'the first run to fail');
    expect(row.availableAt.getTime()).toBeGreaterThan(Date.now() + 400_000);
  });

  it('fails the job after the last attempt and hides the unexpected error', async () => {
    const failing = async () => Promise.reject(new Error('password=hunter2 at 10.0.0.7'));

    const job = await startScripted(app, failing, asOwner());

    await untilJob(app, job.id, 'failed');
    const answer = await owner.get(`/v1/jobs/${job.id}`);
    expect(answer.body.data).toMatchObject({
      status: 'failed',
      attempts: 3,
      error: { code: 'INTERNAL', message: 'The job failed because of an internal error.' },
    });
    expect(answer.text).not.toContain('hunter2');
  });

  it('fails at once for an invalid input and reports the reason', async () => {
    const job = await startScripted(app, () =>
      Promise.reject(new UnrecoverableJobError('NO_ROOM', 'The shelf is full.')),
    );

    const { attempts, errorCode, errorMessage } = await untilJob(app, job.id, 'failed');

    expect([attempts, errorCode, errorMessage]).toEqual([1, 'NO_ROOM', 'The shelf is full.']);
  });

  it('is retried on an input that another release may support, and then fails', async () => {
    const job = await createJob(app, { type: scripted.type, input: { from: 'the past' } });

    const { attempts, errorCode } = await untilJob(app, job.id, 'failed');

    expect([attempts, errorCode]).toEqual([scripted.attempts, 'INPUT_INVALID']);
  });

  it('is aborted by its time limit and retried', async () => {
    const reasons: string[] = [];
    const hang = script(async ({ signal }) => {
      await once(signal, 'abort');
      reasons.push((signal.reason as Error).constructor.name);
    });
    const job = await createJob(app, { type: scriptedShort.type, input: hang });

    const { attempts, errorCode } = await untilJob(app, job.id, 'failed');

    expect(reasons).toEqual(['JobTimeoutError', 'JobTimeoutError', 'JobTimeoutError']);
    expect([attempts, errorCode]).toEqual([3, 'TIMED_OUT']);
  });

  it('may store its outcome after its time limit, because external effects are done', async () => {
    let [runs, writes] = [0, 0];
    const run = script(async (ctx) => {
      runs += 1;
      await ctx.complete({}, async () => {
        writes += 1;
        if (writes < 3) throw new Error('Connection terminated unexpectedly');
      });
    });
    const job = await createJob(app, { type: scriptedShort.type, input: run });

    await untilJob(app, job.id, 'completed', 'failed');

    expect([runs, writes]).toEqual([1, 3]);
  });

  it('ends at its time limit even if it ignores the signal, and its late effect is discarded', async () => {
    const { opened, open } = door();
    const late: Promise<string>[] = [];
    const run = script(async (ctx) => {
      if (ctx.job.attempts > 1) return completeWithMark(ctx);
      await opened;
      late.push(
        completeWithMark(ctx).then(
          () => 'written',
          () => 'rejected',
        ),
      );
    });
    const job = await createJob(app, { type: scriptedShort.type, input: run });

    await untilJob(app, job.id, 'completed');
    open();

    expect(await until(() => late[0], 'the late run to write')).toBe('rejected');
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('starts again on a retry, with all its attempts', async () => {
    let isMended = false;
    const job = await startScripted(
      app,
      async (ctx) => {
        if (!isMended) throw new Error('broken');
        await completeWithMark(ctx);
      },
      asOwner(),
    );
    await untilJob(app, job.id, 'failed');
    isMended = true;

    const answer = await owner.post(`/v1/jobs/${job.id}/retry`);

    expect(answer.status).toBe(202);
    expect(await untilJob(app, job.id, 'completed')).toMatchObject({ attempts: 1, errorCode: null });
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('never starts if its job was cancelled in the queue', async () => {
    let runs = 0;
    const run = script(async () => void (runs += 1));
    const soon = new Date(Date.now() + 2_000);
    const job = await createJob(app, { ...asOwner(), type: scripted.type, input: run, availableAt: soon });
    await until(async () => (await jobRow(app, job.id)).dispatchedAt, 'the job to be dispatched');

    const answer = await owner.post(`/v1/jobs/${job.id}/cancel`);
    const next = await createJob(app, {
      type: scripted.type,
      input: script(completeWithMark),
      availableAt: soon,
    });

    await untilJob(app, next.id, 'completed');
    expect([answer.body.data.status, runs]).toEqual(['cancelled', 0]);
  });

  it('stops when its job is cancelled and keeps its committed work', async () => {
    const job = await startScripted(
      app,
      async (ctx) => {
        await ctx.transaction((tx) => ctx.checkpoint({ step: 1, result: { done: 1 } }, tx));
        await once(ctx.signal, 'abort');
      },
      asOwner(),
    );
    await until(async () => (await jobRow(app, job.id)).checkpoint, 'the checkpoint');

    await owner.post(`/v1/jobs/${job.id}/cancel`);

    await untilJob(app, job.id, 'cancelled');
    const { body } = await owner.get(`/v1/jobs/${job.id}`);
    expect(body.data).toMatchObject({ status: 'cancelled', result: { done: 1 }, error: null });
  });

  it('is not retried if it fails before it detects the cancellation of its job', async () => {
    const { opened, open } = door();
    const failing = async () => opened.then(() => Promise.reject(new Error('too late')));
    const job = await startScripted(app, failing, { ...asOwner(), definition: scriptedPatient });
    await untilJob(app, job.id, 'active');

    await owner.post(`/v1/jobs/${job.id}/cancel`);
    open();

    expect(await untilJob(app, job.id, 'cancelled', 'queued', 'failed')).toMatchObject({
      status: 'cancelled',
    });
  });

  it('leaves no queue entry if its job is cancelled before it is rescheduled', async () => {
    const { opened, open } = door();
    const failing = async () => opened.then(() => Promise.reject(new Error('too late')));
    const job = await startScripted(app, failing, { ...asOwner(), definition: scriptedPatient });
    await untilJob(app, job.id, 'active');
    await owner.post(`/v1/jobs/${job.id}/cancel`);

    open();

    const queue = app.api.get(QueueBackend).queue(scriptedPatient.type);
    await until(async () => (await queue.getJob(job.id)) === undefined, 'the queue to be done with the job');
    expect(await jobRow(app, job.id)).toMatchObject({ status: 'cancelled' });
  });

  it('continues from its checkpoint in the next run', async () => {
    const seen: unknown[] = [];
    const job = await startScripted(app, async (ctx) => {
      seen.push(ctx.job.checkpoint);
      if (seen.length > 1) return;
      await ctx.transaction((tx) => ctx.checkpoint({ line: 500 }, tx));
      throw new Error('half way');
    });

    await untilJob(app, job.id, 'completed');

    expect(seen).toEqual([null, { line: 500 }]);
  });

  it('shows its progress while it runs', async () => {
    const { opened, open } = door();
    const job = await startScripted(
      app,
      async (ctx) => {
        await ctx.progress(41.9);
        await opened;
      },
      asOwner(),
    );

    await until(async () => (await jobRow(app, job.id)).progress > 0, 'progress');
    const { body } = await owner.get(`/v1/jobs/${job.id}`);
    open();

    expect(body.data).toMatchObject({ status: 'active', progress: 41 });
    expect(await untilJob(app, job.id, 'completed')).toMatchObject({ progress: 100 });
  });

  it('has the correlation id of the request that started the job', async () => {
    const seen: unknown[] = [];
    const input = script(async () => void seen.push(currentContext()));

    const answer = await owner
      .post('/v1/jobs', { type: scripted.type, input })
      .set('x-correlation-id', 'asked-by-1');

    const { id } = answer.body.data;
    await untilJob(app, id, 'completed');
    expect(seen).toEqual([{ correlationId: 'asked-by-1', jobId: id }]);
  });
});
