import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { In } from 'typeorm';
import { JobClaims } from '../../src/jobs/job-claims.service.ts';
import { Job } from '../../src/jobs/job.entity.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { createJob, enqueue, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { captureLogs } from '../support/logs.ts';
import { backends, loseQueueData } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  createScripted,
  door,
  marksOf,
  script,
  scripted,
  scriptedHandlers,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

describe.each(backends)('job dispatch on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await app.startWorker();
    await createMarks(app);
  });

  afterAll(() => app.stop());

  const untilCompleted = (jobs: Job[]) =>
    until(
      async () => (await app.db.getRepository(Job).countBy({ status: 'completed' })) >= jobs.length,
      'every job to complete',
    ).then(() => Promise.all(jobs.map(({ id }) => untilJob(app, id, 'completed'))));

  it('runs a committed job exactly once', async () => {
    const job = await startScripted(app, completeWithMark);

    const { attempts, stalls } = await untilJob(app, job.id, 'completed');

    expect({ attempts, stalls }).toEqual({ attempts: 1, stalls: 0 });
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('runs a retried job at once, even if the queue has a delayed entry for it', async () => {
    const owner = await signedIn(app);
    const job = await createScripted(app, completeWithMark, { userId: owner.user.id, status: 'cancelled' });
    // Such an entry remains if the queue was unavailable during the cancellation.
    const queue = app.api.get(QueueBackend).queue(job.type);
    await queue.add(job.type, {}, { jobId: job.id, delay: 600_000 });

    await owner.post(`/v1/jobs/${job.id}/retry`);

    expect(await untilJob(app, job.id, 'completed')).toMatchObject({ attempts: 1 });
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('logs a claim that fails, and runs the job later', async () => {
    const logs = app.workers.map(captureLogs);
    for (const worker of app.workers)
      jest.spyOn(worker.get(JobClaims), 'claim').mockRejectedValueOnce(new Error('no such column'));

    const job = await startScripted(app, completeWithMark);
    await untilJob(app, job.id, 'completed');
    jest.restoreAllMocks();

    expect(logs.flatMap(({ lines }) => lines())).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: 'Job run ended without an outcome', jobId: job.id }),
    );
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('starts no job when the transaction rolls back', async () => {
    let runs = 0;
    const count = script(async () => void (runs += 1));

    await expect(
      app.db.transaction(async (tx) => {
        await enqueue(app, scripted, count, { tx });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');

    // A later job has completed, so an earlier dispatched job would have run too.
    await untilJob(app, (await startScripted(app, completeWithMark)).id, 'completed');
    expect(runs).toBe(0);
  });

  it('starts the job of a released savepoint, not of one that rolled back', async () => {
    const ran: string[] = [];
    const note = (text: string) => script(async () => void ran.push(text));

    const kept = await app.db.transaction(async (tx) => {
      await tx
        .transaction(async (inner) => {
          await enqueue(app, scripted, note('taken back'), { tx: inner });
          throw new Error('inner');
        })
        .catch(() => undefined);
      return tx.transaction((inner) => enqueue(app, scripted, note('kept'), { tx: inner }));
    });

    await untilJob(app, kept.id, 'completed');
    expect(ran).toEqual(['kept']);
  });

  it('dispatches after the outer transaction commits, not after the savepoint', async () => {
    const { opened, open } = door();
    let runs = 0;
    const committed = app.db.transaction(async (tx) => {
      const job = await tx.transaction((inner) =>
        enqueue(
          app,
          scripted,
          script(async () => void (runs += 1)),
          { tx: inner },
        ),
      );
      await opened;
      return job;
    });

    await untilJob(app, (await startScripted(app, completeWithMark)).id, 'completed');
    const runsBefore = runs;
    open();

    await untilJob(app, (await committed).id, 'completed');
    expect([runsBefore, runs]).toEqual([0, 1]);
  });

  it('throws if a job is started outside a transaction', async () => {
    const started = enqueue(app, scripted, script(completeWithMark), { tx: app.db.manager });

    await expect(started).rejects.toThrow('open transaction');
  });

  it('dispatches each job once after a crash between commit and dispatch', async () => {
    const jobs = await Promise.all(times(100, () => createScripted(app, completeWithMark)));

    await untilCompleted(jobs);

    expect(await marksOf(app, jobs)).toEqual(times(100, () => 1));
  });

  it('loses no job and runs none twice when the queue loses all data', async () => {
    const runs = new Map<string, number>();
    const jobs = await Promise.all(
      times(150, () =>
        startScripted(app, async (ctx) => {
          runs.set(ctx.job.id, (runs.get(ctx.job.id) ?? 0) + 1);
          await pause(50);
          await completeWithMark(ctx);
        }),
      ),
    );

    await until(() => runs.size > 20, 'some of the jobs to run');
    await loseQueueData(app);
    const runsBefore = runs.size;
    const ended = await untilCompleted(jobs);

    expect(runsBefore).toBeLessThan(150);
    expect(await marksOf(app, jobs)).toEqual(times(150, () => 1));
    expect([...runs.values()]).toEqual(times(150, () => 1));
    expect(ended.filter(({ stalls }) => stalls > 0)).toEqual([]);
  });

  it('dispatches thousands of pending jobs within seconds', async () => {
    const { id: scriptId } = await createScripted(app, completeWithMark, { status: 'cancelled' });
    const inserted = `INSERT INTO jobs (id, type, input, correlation_id, available_at, created_at)
      SELECT gen_random_uuid(), type, input, correlation_id, available_at, created_at
      FROM jobs, generate_series(1, 1500) WHERE id = $1 RETURNING id`;
    const jobs = (await app.db.query<Job[]>(inserted, [scriptId])).map(({ id }) => ({ id }) as Job);

    await until(
      async () => (await app.db.getRepository(Job).countBy({ status: In(['queued', 'active']) })) === 0,
      'the backlog to be dispatched',
    );

    expect(new Set(await marksOf(app, jobs))).toEqual(new Set([1]));
  });

  it('ignores jobs of an unknown type', async () => {
    const unknownJobs = await Promise.all(
      times(20, (n) => createJob(app, { type: `not:a:queue:${n}`, availableAt: new Date(0) })),
    );
    const job = await createScripted(app, completeWithMark);

    await untilJob(app, job.id, 'completed');

    const rows = await Promise.all(unknownJobs.map(({ id }) => jobRow(app, id)));
    expect(rows.map(({ status, attempts }) => [status, attempts])).toEqual(times(20, () => ['queued', 0]));
    await app.db.query('DELETE FROM jobs WHERE id = ANY($1)', [unknownJobs.map(({ id }) => id)]);
  });
});
