import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobDispatcher } from '../../src/jobs/job-dispatcher.service.ts';
import { PurgeService } from '../../src/platform/retention/purge.service.ts';
import { createJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import { scripted, scriptedHandlers } from '../support/scripted-jobs.ts';
import { times } from '../support/until.ts';

describe.each(backends)('interval tasks of three workers, on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    // After the first run at startup, only the test starts further runs.
    const settings = { SWEEP_SECONDS: '300' };
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers, settings });
    for (const _ of times(2, String)) await app.startWorker();
    await app.db.query(`CREATE TABLE rounds (job_id uuid)`);
    await app.db.query(`
      CREATE FUNCTION note_round() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO rounds VALUES (NEW.id); RETURN NEW; END $$`);
    await app.db.query(`
      CREATE TRIGGER rounds AFTER UPDATE OF dispatched_at ON jobs FOR EACH ROW EXECUTE FUNCTION note_round()`);
  });

  afterAll(() => app.stop());

  const atOnce = <T>(round: (worker: TestApp['workers'][number]) => Promise<T>) =>
    Promise.all(app.workers.map(round));

  it('dispatch each job once when all workers sweep in parallel', async () => {
    // Due later, so that only the sweep changes them.
    const availableAt = new Date(Date.now() + 50_000);
    const jobs = await Promise.all(times(600, () => createJob(app, { type: scripted.type, availableAt })));

    for (const _ of times(5, String)) await atOnce((worker) => worker.get(JobDispatcher).sweep());

    const offered = await app.db.query<{ id: string }[]>('SELECT job_id AS id FROM rounds');
    expect(offered.map(({ id }) => id).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  });

  it('purge once when all workers purge in parallel', async () => {
    await app.db.query(
      `INSERT INTO jobs (id, type, status, input, correlation_id, finished_at)
       SELECT gen_random_uuid(), 'x', 'completed', '{}', 'x', now() - make_interval(days => 20 + n % 20, hours => 12)
       FROM generate_series(1, 12000) AS n`,
    );

    const removed = await atOnce((worker) => worker.get(PurgeService).purge());

    const [left] = await app.db.query(
      `SELECT count(*)::int AS count, max(now() - finished_at) < interval '31 days' AS "isYoung"
       FROM jobs WHERE status = 'completed'`,
    );
    const total = removed.reduce((sum, { jobs = 0 }) => sum + jobs, 0);
    expect(left).toEqual({ count: 12_000 - total, isYoung: true });
    expect(total).toBe(6_000);
  });
});
