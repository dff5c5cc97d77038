import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PurgeService } from '../../src/platform/retention/purge.service.ts';
import { SchedulesModule } from '../../src/schedules/schedules.module.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { jobsOf, nightly, setHandled, stopTimers, tickAt, timely } from '../support/schedules.ts';
import { scripted, scriptedHandlers } from '../support/scripted-jobs.ts';

const modules = [SchedulesModule.forFeature([nightly, timely])];

describe('/v1/schedules', () => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ schedules: true, handlers: scriptedHandlers, modules });
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  it('lists the schedules with their next run, also before a worker has started', async () => {
    const { status, body } = await admin.get('/v1/schedules');

    expect(status).toBe(200);
    expect(body.data).toContainEqual({
      name: nightly.name,
      cron: '30 2 * * *',
      timezone: 'Europe/Berlin',
      jobType: scripted.type,
      missed: 'once',
      lastRunAt: null,
      lastJobId: null,
      nextRunAt: expect.stringMatching(/T0[01]:30:00.000Z$/),
      pausedAt: null,
    });
  });

  it('pauses and resumes a schedule, which then continues with its next run', async () => {
    const paused = await admin.post(`/v1/schedules/${nightly.name}/pause`);
    const again = await admin.post(`/v1/schedules/${nightly.name}/pause`);
    const worker = await app.startWorker();
    await stopTimers(app.workers);
    await setHandled(app, nightly.name, '2026-05-01T00:00:00Z');
    await tickAt([worker], '2026-05-02T00:30:00Z');
    const whilePaused = await jobsOf(app);

    const resumed = await admin.post(`/v1/schedules/${nightly.name}/resume`);
    await tickAt([worker], new Date().toISOString());

    expect(paused.body.data).toMatchObject({ nextRunAt: null, pausedAt: expect.any(String) });
    expect(again.body.data).toEqual(paused.body.data);
    expect(resumed.body.data).toMatchObject({ nextRunAt: expect.any(String), pausedAt: null });
    expect([whilePaused, await jobsOf(app)]).toEqual([[], []]);
    const events = await app.db.query(
      `SELECT type, data FROM audit_events WHERE actor_id = $1 AND type LIKE 'schedule-%' ORDER BY created_at, id`,
      [admin.user.id],
    );
    expect(events).toEqual([
      { type: 'schedule-paused', data: { name: nightly.name } },
      { type: 'schedule-resumed', data: { name: nightly.name } },
    ]);
  });

  it('runs a paused schedule now, with one job until it has finished', async () => {
    await admin.post(`/v1/schedules/${timely.name}/pause`);

    const run = () => admin.post(`/v1/schedules/${timely.name}/run`);
    const [first, ...others] = [await run(), ...(await Promise.all([run(), run()]))];

    expect(first).toMatchObject({ status: 202, body: { data: { nextRunAt: null } } });
    const { lastJobId, lastRunAt } = first.body.data;
    expect(others.map(({ body }) => body.data)).toEqual([first.body.data, first.body.data]);
    expect(await jobsOf(app)).toMatchObject([{ id: lastJobId, user_id: null }]);
    expect(Date.parse(lastRunAt)).toBeGreaterThan(Date.parse(first.body.data.pausedAt));
    const events = await app.db.query(`SELECT data FROM audit_events WHERE type = 'schedule-started'`);
    expect(events).toEqual([{ data: { name: timely.name, jobId: lastJobId } }]);
  });

  it('responds with 404 for an unknown schedule', async () => {
    for (const action of ['run', 'pause', 'resume'])
      expect((await admin.post(`/v1/schedules/unknown/${action}`)).status).toBe(404);
  });

  it('keeps a pause when no worker has run for a month, and forgets the others', async () => {
    await admin.post(`/v1/schedules/${nightly.name}/pause`);
    await app.db.query(`UPDATE schedules SET confirmed_at = now() - interval '31 days'`);
    await app.db.query('UPDATE schedules SET paused_at = NULL WHERE name <> $1', [nightly.name]);

    await app.workers[0]!.get(PurgeService).purge();

    const kept = await app.db.query('SELECT name FROM schedules');
    expect(kept).toEqual([{ name: nightly.name }]);
  });
});
