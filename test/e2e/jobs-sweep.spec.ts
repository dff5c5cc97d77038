import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { JobDispatcher } from '../../src/jobs/job-dispatcher.service.ts';
import { RescheduleJob } from '../../src/jobs/job-handler.ts';
import { Job } from '../../src/jobs/job.entity.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { enqueue, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends, loseQueueData } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  door,
  marksOf,
  script,
  scripted,
  scriptedHandlers,
  scriptedSingle,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

describe.each(backends)('the sweep of jobs on %s', (backend) => {
  let app: TestApp;
  let open: () => void;

  beforeAll(async () => {
    // After the first run at startup, only the test starts further runs.
    const settings = { SWEEP_SECONDS: '300' };
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers, settings });
    await createMarks(app);
  });

  afterAll(() => app.stop());

  const sweep = () => app.workers[0]!.get(JobDispatcher).sweep();
  const untilMarked = (jobs: Job[]) =>
    until(async () => {
      const rows = await Promise.all(jobs.map(({ id }) => jobRow(app, id)));
      return rows.every(({ dispatchedAt }) => dispatchedAt !== null);
    }, 'the jobs to be marked as dispatched');
  const passTime = () =>
    app.db.query(
      `UPDATE jobs SET created_at = created_at - interval '1 minute', dispatched_at = dispatched_at - interval '1 minute'
       WHERE status = 'queued'`,
    );

  /** Jobs of a type that runs one at a time. They wait behind a job that waits for the door. */
  let waiting: Job[];
  beforeEach(async () => {
    const blocked = door();
    ({ open } = blocked);
    const first = await startScripted(app, () => blocked.opened, { definition: scriptedSingle });
    await untilJob(app, first.id, 'active');
    waiting = await Promise.all(
      times(5, () => startScripted(app, completeWithMark, { definition: scriptedSingle })),
    );
  });
  afterEach(() => open());
  const runsOf = async (jobs: Job[]) => {
    open();
    for (const { id } of jobs) await untilJob(app, id, 'completed');
    return marksOf(app, jobs);
  };

  it('leaves jobs that wait in the queue', async () => {
    await untilMarked(waiting);
    await app.db.query(`UPDATE jobs SET created_at = created_at - interval '1 minute'`);
    const added = jest.spyOn(app.workers[0]!.get(QueueBackend).queue(scriptedSingle.type), 'addBulk');

    await sweep();

    expect(added).not.toHaveBeenCalled();
    expect(await runsOf(waiting)).toEqual(times(5, () => 1));
  });

  it('dispatches marked jobs again when the queue has lost its data', async () => {
    await untilMarked(waiting);
    await loseQueueData(app);
    await passTime();

    await sweep();

    expect(await runsOf(waiting)).toEqual(times(5, () => 1));
  });

  it('dispatches a job whose dispatch failed, because it has no mark', async () => {
    await untilMarked(waiting);
    const queue = app.api.get(QueueBackend).queue(scriptedSingle.type);
    jest.spyOn(queue, 'addBulk').mockRejectedValueOnce(new Error('no connection'));
    const missed = await startScripted(app, completeWithMark, { definition: scriptedSingle });
    const later = await startScripted(app, completeWithMark, { definition: scriptedSingle });
    await untilMarked([later]);
    expect(await jobRow(app, missed.id)).toMatchObject({ dispatchedAt: null });
    await passTime();

    await sweep();

    expect(await jobRow(app, missed.id)).toMatchObject({ dispatchedAt: expect.any(Date) });
    expect(await runsOf([...waiting, missed, later])).toEqual(times(7, () => 1));
  });

  it('finds a job at its time, after the queue has lost the entry for it', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000);
    const late = await enqueue(app, scripted, script(completeWithMark), { availableAt: inAnHour });
    await untilMarked(waiting);
    expect(await jobRow(app, late.id)).toMatchObject({ dispatchedAt: null });
    await loseQueueData(app);
    await app.db.query(`UPDATE jobs SET available_at = now() WHERE id = $1`, [late.id]);
    await passTime();

    await sweep();

    expect(await runsOf([...waiting, late])).toEqual(times(6, () => 1));
  });

  it('keeps the time of a job that was rescheduled before its mark', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000);
    const reschedule = () => Promise.reject(new RescheduleJob(inAnHour, false));
    const rescheduled = await startScripted(app, reschedule);
    const later = await startScripted(app, completeWithMark, { definition: scriptedSingle });

    await untilMarked([...waiting, later]);

    expect(await jobRow(app, rescheduled.id)).toMatchObject({ status: 'queued', dispatchedAt: inAnHour });
    expect(await runsOf([...waiting, later])).toEqual(times(6, () => 1));
  });
});
