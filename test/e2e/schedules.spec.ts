import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AuditService } from '../../src/audit/audit.service.ts';
import { JobTypes } from '../../src/jobs/job-definition.ts';
import type { Job } from '../../src/jobs/job.entity.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { defineSchedule, Schedules } from '../../src/schedules/schedule-definition.ts';
import { ScheduleRunner } from '../../src/schedules/schedule-runner.service.ts';
import { SchedulesModule } from '../../src/schedules/schedules.module.ts';
import { SchedulesService } from '../../src/schedules/schedules.service.ts';
import { untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends, loseQueueData } from '../support/queue-data.ts';
import {
  jobsOf,
  nightly,
  recurring,
  setHandled,
  stateOf,
  stopTimers,
  tickAt,
  timely,
} from '../support/schedules.ts';
import { createMarks, marksOf, scripted, scriptedHandlers } from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const modules = [SchedulesModule.forFeature([nightly, timely])];

describe.each(backends)('schedules of three workers, on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({
      backend,
      worker: true,
      schedules: true,
      handlers: scriptedHandlers,
      modules,
    });
    for (const _ of times(2, String)) await app.startWorker();
    await createMarks(app);
    await stopTimers(app.workers);
  });

  afterEach(() => app.db.query('DELETE FROM jobs'));
  afterAll(() => app.stop());

  it('start one job for each scheduled time', async () => {
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');

    await tickAt(app.workers, '2026-05-01T00:29:59Z');
    expect(await jobsOf(app)).toEqual([]);
    for (const _ of times(3, String)) await tickAt(app.workers, '2026-05-01T00:30:01Z');

    const [started, ...others] = await jobsOf(app);
    expect(others).toEqual([]);
    await untilJob(app, started!.id, 'completed');
    expect(await marksOf(app, [started!])).toEqual([1]);
    expect(await stateOf(app, nightly.name)).toMatchObject({
      last_run_at: new Date('2026-05-01T00:30:00Z'),
      last_job_id: started!.id,
    });
  });

  it('run their job if the queue loses it', async () => {
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');

    await tickAt(app.workers, '2026-05-01T00:31:00Z');
    await loseQueueData(app);

    const { last_job_id: id } = await stateOf(app, nightly.name);
    await untilJob(app, id, 'completed');
    expect(await marksOf(app, [{ id } as Job])).toEqual([1]);
  });
});

describe('a schedule', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ worker: true, schedules: true, handlers: scriptedHandlers, modules });
    await createMarks(app);
    await stopTimers(app.workers);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.db.query('DELETE FROM jobs');
  });
  afterAll(() => app.stop());

  it('runs once for all runs that were missed', async () => {
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');

    for (const _ of times(3, String)) await tickAt(app.workers, '2026-05-09T06:00:00Z');

    expect(await jobsOf(app)).toHaveLength(1);
    expect(await stateOf(app, nightly.name)).toMatchObject({ last_run_at: new Date('2026-05-09T00:30:00Z') });
  });

  it('skips missed runs if it is defined so, and starts a run that is only seconds late', async () => {
    await setHandled(app, timely.name, '2026-05-01T00:00:00Z');

    await tickAt(app.workers, '2026-05-01T16:00:00Z');
    expect(await jobsOf(app)).toEqual([]);
    await tickAt(app.workers, '2026-05-02T10:00:20Z');

    expect(await jobsOf(app)).toHaveLength(1);
  });

  it('starts its job later if the transaction rolls back', async () => {
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');
    const jobs = app.workers[0]!.get(JobsService, { strict: false });
    jest.spyOn(jobs, 'enqueue').mockRejectedValueOnce(new Error('connection lost'));

    await tickAt(app.workers, '2026-05-01T00:30:05Z');
    expect(await jobsOf(app)).toEqual([]);
    await tickAt(app.workers, '2026-05-01T00:30:15Z');

    expect(await jobsOf(app)).toHaveLength(1);
  });

  it('starts by itself when it is due', async () => {
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');

    const worker = await app.startWorker();

    const started = await until(async () => (await jobsOf(app))[0], 'the due job to start');
    expect(started).toMatchObject({ type: scripted.type, user_id: null });
    await stopTimers([worker]);
  });
});

describe('a schedule that a release changes', () => {
  let app: TestApp;
  const later = defineSchedule({ ...recurring, name: nightly.name, cron: '0 4 * * *' });
  const released = [SchedulesModule.forFeature([later])];

  beforeAll(async () => {
    app = await TestApp.start({ worker: true, schedules: true, handlers: scriptedHandlers, modules });
    await createMarks(app);
    await stopTimers(app.workers);
  });

  afterAll(() => app.stop());

  const cronOf = async () => (await stateOf(app, nightly.name)).cron;

  it('follows the newer definition in the workers of both releases', async () => {
    await stopTimers([await app.startWorker({}, released)]);
    expect(await cronOf()).toBe(later.cron);
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');

    await tickAt(app.workers, '2026-05-01T00:30:05Z');
    expect(await jobsOf(app)).toEqual([]);
    await tickAt(app.workers, '2026-05-01T02:00:05Z');

    expect(await jobsOf(app)).toHaveLength(1);
  });

  it('is not changed back by older workers that still run', async () => {
    const older = app.workers[0]!.get(ScheduleRunner);

    await older.storeDefinitions({ isStart: false });

    expect(await cronOf()).toBe(later.cron);
  });

  it('is changed back when no worker has the newer definition any more', async () => {
    await app.db.query(`UPDATE schedules SET confirmed_at = now() - interval '6 minutes'`);

    await app.workers[0]!.get(ScheduleRunner).storeDefinitions({ isStart: false });

    expect(await cronOf()).toBe(nightly.cron);
    const { handled_until: handledUntil } = await stateOf(app, nightly.name);
    expect(Date.now() - handledUntil.getTime()).toBeLessThan(60_000);
  });

  it('is not changed by workers without its definition', async () => {
    const removed = await app.startWorker({}, [SchedulesModule.forFeature([timely])]);
    await stopTimers([removed]);
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');
    await app.db.query('DELETE FROM jobs');

    await tickAt([removed], '2026-05-02T00:00:00Z');

    expect(await jobsOf(app)).toEqual([]);
  });
});

describe('the start of a process', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ handlers: scriptedHandlers });
  });

  afterAll(() => app.stop());

  it.each([
    ['an invalid cron expression', { name: 'bad', cron: '61 * * * *' }, /Schedule bad: "61/],
    [
      'a job type that no module registers',
      { name: 'without-job', cron: '@daily', job: { ...scripted, type: 'unknown' } },
      /Schedule without-job: register the job type unknown/,
    ],
  ])('stops with %s', (_, options, message) => {
    const types = app.api.get(JobTypes);
    const [jobs, audit] = [app.api.get(JobsService), app.api.get(AuditService, { strict: false })];
    const schedules = new Schedules();
    schedules.add([defineSchedule({ ...recurring, ...options })]);
    const service = new SchedulesService(app.db, schedules, types, jobs, audit);

    expect(() => service.onModuleInit()).toThrow(message);
  });
});
