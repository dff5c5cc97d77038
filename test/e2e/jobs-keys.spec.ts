import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Job } from '../../src/jobs/job.entity.ts';
import { createJob, enqueue, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import {
  door,
  script,
  scripted,
  scriptedHandlers,
  scriptedKeyed,
  scriptedKeyedToo,
  scriptedShort,
  scriptedSingle,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const nothing = async () => undefined;

describe('a unique key of a job', () => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ handlers: scriptedHandlers });
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  const start = (uniqueKey: string, more: { uniqueForSeconds?: number } = {}) =>
    enqueue(app, scripted, script(nothing), { uniqueKey, ...more });
  const end = (job: Job, status: string) =>
    app.db.query(`UPDATE jobs SET status = $2, finished_at = now() WHERE id = $1`, [job.id, status]);

  it('is taken by one of many parallel starts, and the others return its job', async () => {
    const key = randomUUID();

    const jobs = await Promise.all(times(20, () => start(key)));

    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(await app.db.query(`SELECT id FROM jobs WHERE unique_key = $1`, [key])).toEqual([
      { id: jobs[0]!.id },
    ]);
  });

  it('is free again if the transaction of the first start rolls back', async () => {
    const key = randomUUID();
    const { opened, open } = door();
    const first = app.db.transaction(async (tx) => {
      await enqueue(app, scripted, script(nothing), { uniqueKey: key, tx });
      open();
      throw new Error('rolled back');
    });
    await opened;

    const second = await start(key);

    await expect(first).rejects.toThrow('rolled back');
    expect(await jobRow(app, second.id)).toMatchObject({ uniqueKey: key, status: 'queued' });
  });

  it.each(['completed', 'failed', 'cancelled'])('is free when its job is %s', async (status) => {
    const key = randomUUID();
    const first = await start(key);
    await end(first, status);

    expect((await start(key)).id).not.toBe(first.id);
  });

  it('stays taken for its time after the start', async () => {
    const key = randomUUID();
    const first = await start(key, { uniqueForSeconds: 3_600 });
    await end(first, 'completed');

    const within = await start(key);
    await app.db.query(`UPDATE jobs SET unique_until = now() - interval '1 second' WHERE id = $1`, [
      first.id,
    ]);
    const later = await start(key);

    expect(within.id).toBe(first.id);
    expect(later.id).not.toBe(first.id);
  });

  it('belongs to one job type', async () => {
    const key = randomUUID();
    const first = await start(key);

    expect((await enqueue(app, scriptedShort, script(nothing), { uniqueKey: key })).id).not.toBe(first.id);
  });

  it('prevents the retry of a job while another job has it', async () => {
    const key = randomUUID();
    const failed = await start(key);
    await end(failed, 'failed');
    const current = await start(key);

    const conflict = await admin.post(`/v1/jobs/${failed.id}/retry`);
    await end(current, 'completed');
    const retried = await admin.post(`/v1/jobs/${failed.id}/retry`);

    expect([conflict.status, conflict.body.code]).toEqual([409, 'JOB_NOT_RETRYABLE']);
    expect(retried.status).toBe(202);
  });

  it('lets only the newest failed job be retried with all others, and none while another job has it', async () => {
    const [taken, free] = [randomUUID(), randomUUID()];
    for (const key of [taken, free, free]) await end(await start(key), 'failed');
    await start(taken);
    const [, newest] = await app.db.query(`SELECT id FROM jobs WHERE unique_key = $1 ORDER BY id`, [free]);

    await admin.post('/v1/jobs/redrive', { type: scripted.type });

    const queued = await app.db.query(
      `SELECT id, unique_key AS key FROM jobs WHERE status = 'queued' AND unique_key = ANY($1)`,
      [[taken, free]],
    );
    expect(queued.map(({ key }: { key: string }) => key).toSorted()).toEqual([taken, free].toSorted());
    expect(queued).toContainEqual({ id: newest.id, key: free });
  });
});

describe.each(backends)('jobs of two workers, on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
  });

  afterAll(() => app.stop());

  it('run in the order of their priority, and otherwise in the order of their start', async () => {
    const gate = door();
    const first = await startScripted(app, () => gate.opened, { definition: scriptedSingle });
    await untilJob(app, first.id, 'active');
    const ran: string[] = [];
    const jobs: Job[] = [];
    /** Waits until the job is in the queue, because jobs that start at the same time may be dispatched in any order. */
    const start = async (name: string, priority?: number) => {
      const job = await startScripted(app, async () => void ran.push(name), {
        definition: scriptedSingle,
        ...(priority !== undefined && { priority }),
      });
      jobs.push(job);
      await until(
        async () => (await queuedEntries(app, scriptedSingle.type)) === jobs.length,
        'the job to reach the queue',
      );
    };

    await start('low', 9);
    await start('normal 1', 4);
    await start('normal 2', 4);
    await start('high');
    gate.open();

    for (const { id } of jobs) await untilJob(app, id, 'completed');
    expect(ran).toEqual(['high', 'normal 1', 'normal 2', 'low']);
  });

  it('run at most as many per key as their type allows, in order, without delaying other keys', async () => {
    await app.startWorker();
    const gates = times(6, () => door());
    const started: number[] = [];
    let [running, most] = [0, 0];
    const start = (concurrencyKey: string, run: () => Promise<void>) =>
      startScripted(app, run, { definition: scriptedKeyed, concurrencyKey });
    const jobs: Job[] = [];
    for (const [index, gate] of gates.entries()) {
      const job = await start('account 1', async () => {
        started.push(index);
        running += 1;
        most = Math.max(most, running);
        await gate.opened;
        running -= 1;
      });
      jobs.push(job);
    }
    await until(async () => (await waiting(app)) === 4, 'the other jobs to wait');

    const other = await start('account 2', nothing);
    await untilJob(app, other.id, 'completed');
    expect(running).toBe(2);

    // Any two jobs run first. The others follow in the order of their start.
    const rest = times(6, Number).filter((index) => !started.includes(index));
    for (const [position, next] of rest.entries()) {
      gates[started[position]!]!.open();
      await until(() => started.length === position + 3, 'the next job to start');
      expect(started.at(-1)).toBe(next);
    }
    gates.forEach(({ open }) => open());
    for (const { id } of jobs)
      expect(await untilJob(app, id, 'completed')).toMatchObject({ attempts: 1, stalls: 0 });
    expect(most).toBe(2);
  });

  it('get a slot that a killed worker or a cancelled job has left', async () => {
    const job = { type: scriptedKeyed.type, concurrencyKey: 'account 3', input: script(nothing) };
    const granted = await createJob(app, {
      ...job,
      slot: 'granted',
      availableAt: new Date(Date.now() + 3_600_000),
    });
    const another = await createJob(app, {
      ...job,
      slot: 'granted',
      availableAt: new Date(Date.now() + 3_600_000),
    });
    const next = await createJob(app, {
      ...job,
      slot: 'waiting',
      dispatchedAt: new Date(Date.now() + 3_600_000),
    });
    const admin = await signedIn(app, { role: 'admin' });

    for (const { id } of [granted, another])
      expect((await admin.post(`/v1/jobs/${id}/cancel`)).status).toBe(200);

    await untilJob(app, next.id, 'completed');
  });

  it('get the slots of a key although jobs of a paused queue wait for or hold them', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const later = new Date(Date.now() + 3_600_000);
    const job = { concurrencyKey: 'account 4', input: script(nothing), dispatchedAt: later };
    await admin.post(`/v1/queues/${scriptedKeyedToo.type}/pause`);
    const paused: Job[] = [];
    for (const slot of ['granted', 'granted', 'waiting'] as const)
      paused.push(await createJob(app, { ...job, slot, type: scriptedKeyedToo.type }));

    const waitingJob = await createJob(app, { ...job, slot: 'waiting', type: scriptedKeyed.type });
    await untilJob(app, waitingJob.id, 'completed');
    const started = await startScripted(app, nothing, {
      definition: scriptedKeyed,
      concurrencyKey: 'account 4',
    });
    await untilJob(app, started.id, 'completed');
    const whilePaused = await Promise.all(paused.map(({ id }) => jobRow(app, id)));
    await app.db.query(`UPDATE jobs SET dispatched_at = NULL WHERE slot = 'granted'`);
    await admin.post(`/v1/queues/${scriptedKeyedToo.type}/resume`);

    expect(whilePaused.map(({ status }) => status)).toEqual(['queued', 'queued', 'queued']);
    for (const { id } of paused) await untilJob(app, id, 'completed');
  });

  it('need a limit of their type for a key', async () => {
    const start = startScripted(app, nothing, { concurrencyKey: 'account 1' });

    await expect(start).rejects.toThrow(
      'Set concurrencyPerKey in the definition of the job type test-scripted',
    );
  });
});

const waiting = async (app: TestApp): Promise<number> =>
  (await app.db.query(`SELECT count(*)::int AS count FROM jobs WHERE slot = 'waiting'`))[0].count;

async function queuedEntries(app: TestApp, type: string): Promise<number> {
  const { QueueBackend } = await import('../../src/platform/queue/queue-backend.ts');
  const counts = await app.api.get(QueueBackend).queue(type).getJobCounts('waiting', 'prioritized');
  return (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0);
}
