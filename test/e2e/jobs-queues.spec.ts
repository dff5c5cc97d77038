import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobQueuesService } from '../../src/jobs/job-queues.service.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends, loseQueueData } from '../support/queue-data.ts';
import {
  completeWithMark,
  createMarks,
  marksOf,
  scripted,
  scriptedHandlers,
  scriptedPatient,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const { type } = scripted;

describe.each(backends)('/v1/queues on %s', (backend) => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    await createMarks(app);
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  const queueOf = async (name: string) =>
    (await admin.get('/v1/queues')).body.data.find((queue: { type: string }) => queue.type === name);

  it('pauses a queue until it is resumed, and jobs can be started in between', async () => {
    const paused = await admin.post(`/v1/queues/${type}/pause`);
    const jobs = await Promise.all(times(3, () => startScripted(app, completeWithMark)));
    // A job of another type has completed, so an unpaused queue would have run these.
    const other = await startScripted(app, completeWithMark, { definition: scriptedPatient });
    await untilJob(app, other.id, 'completed');
    const whilePaused = await queueOf(type);

    const resumed = await admin.post(`/v1/queues/${type}/resume`);

    expect(paused.body.data).toEqual({ type, pausedAt: expect.any(String), queued: 0, active: 0 });
    expect(whilePaused).toEqual({ ...paused.body.data, queued: 3 });
    expect(resumed.body.data).toMatchObject({ type, pausedAt: null });
    for (const { id } of jobs) await untilJob(app, id, 'completed');
    expect(await marksOf(app, jobs)).toEqual([1, 1, 1]);
  });

  it('keeps a pause when the queue loses its data and when a worker starts', async () => {
    await admin.post(`/v1/queues/${type}/pause`);
    const job = await startScripted(app, completeWithMark);
    await loseQueueData(app);
    await app.api.get(QueueBackend).queue(type).resume();
    await app.startWorker();

    await until(() => app.api.get(QueueBackend).queue(type).isPaused(), 'a worker to pause the queue again');
    expect(await jobRow(app, job.id)).toMatchObject({ status: 'queued', attempts: 0 });

    await admin.post(`/v1/queues/${type}/resume`);
    await untilJob(app, job.id, 'completed');
    expect(await marksOf(app, [job])).toEqual([1]);
  });

  it('shows paused queues in the readiness, which stays ok', async () => {
    const readiness = async () => (await app.http().get('/health/ready')).body;
    await admin.post(`/v1/queues/${type}/pause`);
    const paused = await until(async () => {
      const body = await readiness();
      return body.pausedQueues && body;
    }, 'the paused queue');
    await admin.post(`/v1/queues/${type}/resume`);
    const resumed = await until(async () => {
      const body = await readiness();
      return !body.pausedQueues && body;
    }, 'the resumed queue');

    expect(paused).toEqual({ ...resumed, pausedQueues: [type] });
    expect(resumed.status).toBe('ok');
  });

  it('claims no job of a paused queue, even if the queue offers it', async () => {
    const queue = app.api.get(QueueBackend).queue(scriptedPatient.type);
    await app.db.query(`INSERT INTO paused_queues VALUES ($1)`, [scriptedPatient.type]);
    const job = await startScripted(app, completeWithMark, { definition: scriptedPatient });
    await until(async () => queue.isPaused(), 'a worker to apply the pause');

    expect((await jobRow(app, job.id)).status).toBe('queued');
    await app.db.query(`DELETE FROM paused_queues`);
    await untilJob(app, job.id, 'completed');
  });
});

describe('/v1/queues', () => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ handlers: scriptedHandlers });
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  it('audits each change of a queue, and a repeated request changes nothing', async () => {
    for (const action of ['pause', 'pause', 'resume', 'resume'])
      expect((await admin.post(`/v1/queues/${type}/${action}`)).status).toBe(200);

    const events = await app.db.query(
      `SELECT type, data FROM audit_events WHERE actor_id = $1 AND type LIKE 'queue-%' ORDER BY created_at, id`,
      [admin.user.id],
    );
    expect(events).toEqual([
      { type: 'queue-paused', data: { type } },
      { type: 'queue-resumed', data: { type } },
    ]);
  });

  it('responds with 404 for an unknown job type', async () => {
    for (const action of ['pause', 'resume'])
      expect((await admin.post(`/v1/queues/unknown/${action}`)).status).toBe(404);
  });

  it('counts up to a limit', async () => {
    await app.db.query(
      `INSERT INTO jobs (id, type, input, correlation_id)
       SELECT gen_random_uuid(), $1, '{}', 'x' FROM generate_series(1, 1001)`,
      [type],
    );

    const [queue] = await app.api.get(JobQueuesService).list([type]);
    expect(queue).toEqual({ type, pausedAt: null, queued: null, active: 0 });
  });
});
