import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { RescheduleJob } from '../../src/jobs/job-handler.ts';
import { jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  createScripted,
  door,
  marksOf,
  scriptedHandlers,
  startScripted,
} from '../support/scripted-jobs.ts';
import { until } from '../support/until.ts';

describe.each(backends)('the lease of a job on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await createMarks(app);
  });

  afterAll(() => app.stop());

  /** Simulates another worker that claims the job and crashes: its heartbeat is long overdue. */
  const loseLease = (id: string) =>
    app.db.query(
      `UPDATE jobs SET lease = gen_random_uuid(), stalls = stalls + 1, heartbeat_at = now() - interval '1 hour'
       WHERE id = $1`,
      [id],
    );

  it('rolls back a run whose lease has expired, so that its effects happen once', async () => {
    const { opened, open } = door();
    const late: string[] = [];
    const job = await startScripted(app, async (ctx) => {
      if (ctx.job.stalls === 0) await opened;
      await completeWithMark(ctx).catch((error: Error) => {
        late.push(error.constructor.name);
        throw error;
      });
    });
    await untilJob(app, job.id, 'active');

    await loseLease(job.id);
    open();
    const done = await untilJob(app, job.id, 'completed', 'failed');

    expect(late).toEqual(['LeaseLostError']);
    expect(done).toMatchObject({ status: 'completed', attempts: 1, stalls: 2 });
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('counts only consecutive stalls: a run that ends normally resets the count', async () => {
    const job = await createScripted(
      app,
      async (ctx) => {
        if (ctx.job.stalls > 0) throw new RescheduleJob(new Date(), true);
        await completeWithMark(ctx);
      },
      { stalls: 4 },
    );

    expect(await untilJob(app, job.id, 'completed', 'failed')).toMatchObject({
      status: 'completed',
      stalls: 0,
    });
  });

  it('aborts the signal of a run that lost it', async () => {
    let reason = '';
    const job = await startScripted(app, async (ctx) => {
      if (ctx.job.stalls > 0) return completeWithMark(ctx);
      await once(ctx.signal, 'abort');
      reason = (ctx.signal.reason as Error).constructor.name;
    });
    await untilJob(app, job.id, 'active');

    await loseLease(job.id);
    await untilJob(app, job.id, 'completed');

    // The second run can complete before the next heartbeat aborts the first run.
    await until(() => reason, 'the first run to end');
    expect(reason).toBe('LeaseLostError');
  });

  it('rejects a transaction that starts after its loss', async () => {
    const { opened, open } = door();
    const job = await startScripted(app, async (ctx) => {
      if (ctx.job.stalls > 0) return completeWithMark(ctx);
      await opened;
      await ctx.transaction((tx) => tx.query('INSERT INTO marks VALUES ($1)', [ctx.job.id]));
    });
    await untilJob(app, job.id, 'active');

    await loseLease(job.id);
    open();
    await untilJob(app, job.id, 'completed');

    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('fails a job after five stalls without running it again', async () => {
    let runs = 0;
    const overrides = { status: 'active' as const, attempts: 1, stalls: 4, heartbeatAt: new Date(0) };
    const job = await createScripted(app, async () => void (runs += 1), overrides);

    const { errorCode, stalls, attempts } = await untilJob(app, job.id, 'failed');

    expect([errorCode, stalls, attempts, runs]).toEqual(['WORKER_STALLED', 5, 1, 0]);
  });

  it('cancels a stalled job whose cancellation was requested before', async () => {
    const overrides = { status: 'active' as const, cancelRequestedAt: new Date(), heartbeatAt: new Date(0) };
    const job = await createScripted(app, completeWithMark, overrides);

    await untilJob(app, job.id, 'cancelled');

    expect(await marksOf(app, [job])).toEqual([0]);
  });
});

describe.each(backends)('a worker that is closed on %s', (backend) => {
  let app: TestApp;

  afterEach(() => app.stop());

  const start = async (settings: Record<string, string>) => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers, settings });
    await createMarks(app);
  };

  it('lets a running job finish', async () => {
    await start({ SHUTDOWN_DEADLINE_SECONDS: '25' });
    const { opened, open } = door();
    const job = await startScripted(app, (ctx) => opened.then(() => completeWithMark(ctx)));
    await untilJob(app, job.id, 'active');

    const closed = app.workers.pop()?.close();
    open();
    await closed;

    expect(await jobRow(app, job.id)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('releases a job that ignores its signal, counts no attempt, and another worker runs it', async () => {
    await start({ SHUTDOWN_DEADLINE_SECONDS: '3' });
    const { opened, open } = door();
    const runs: number[] = [];
    const job = await startScripted(app, async (ctx) => {
      runs.push(ctx.job.attempts);
      if (runs.length === 1) await opened;
      await completeWithMark(ctx);
    });
    await untilJob(app, job.id, 'active');

    await app.workers.pop()?.close();
    const handedBack = await jobRow(app, job.id);
    await app.startWorker();
    const done = await untilJob(app, job.id, 'completed');
    open();

    expect(handedBack).toMatchObject({ status: 'queued', attempts: 0, stalls: 0 });
    expect(done).toMatchObject({ attempts: 1, stalls: 0 });
    expect(runs).toEqual([1, 1]);
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('leaves queued jobs to other workers, which run each job once', async () => {
    await start({});
    await app.startWorker();
    const jobs = await Promise.all(Array.from({ length: 100 }, () => startScripted(app, completeWithMark)));

    await app.workers.shift()?.close();
    await until(
      async () => (await app.db.query("SELECT 1 FROM jobs WHERE status <> 'completed'")).length === 0,
      'every job to complete',
    );

    expect(new Set(await marksOf(app, jobs))).toEqual(new Set([1]));
  });
});
