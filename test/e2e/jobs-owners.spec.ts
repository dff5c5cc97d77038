import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createJob, jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import { door, scriptedHandlers, scriptedOnePerUser, startScripted } from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

describe.each(backends)('a job on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
  });

  afterAll(() => app.stop());

  it('does not wait for the other jobs of its user, unless its type runs one job per user', async () => {
    const [owner, otherUser] = [await signedIn(app), await signedIn(app)];
    const gate = door();
    const running: string[] = [];
    const start = (userId: string, run: () => Promise<void>) =>
      startScripted(app, run, { definition: scriptedOnePerUser, userId });
    const jobs = await Promise.all(
      times(3, () =>
        start(owner.user.id, async () => {
          running.push('owner');
          await gate.opened;
        }),
      ),
    );
    await until(async () => running.length === 1, 'the first job to run');

    const ofOther = await start(otherUser.user.id, async () => undefined);

    await untilJob(app, ofOther.id, 'completed');
    expect(running).toEqual(['owner']);
    gate.open();
    for (const { id } of jobs)
      expect(await untilJob(app, id, 'completed')).toMatchObject({ attempts: 1, stalls: 0 });
  });
});

describe('the jobs of a suspended user', () => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start();
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  it('are cancelled with the suspension: queued jobs at once, running jobs by request', async () => {
    const suspended = await signedIn(app);
    const [queued, active] = await Promise.all([
      createJob(app, { userId: suspended.user.id }),
      createJob(app, { userId: suspended.user.id, status: 'active' }),
    ]);

    await admin.patch(`/v1/users/${suspended.user.id}`, { status: 'suspended' });

    expect(await jobRow(app, queued.id)).toMatchObject({ status: 'cancelled', finishedAt: expect.any(Date) });
    expect(await jobRow(app, active.id)).toMatchObject({
      status: 'active',
      cancelRequestedAt: expect.any(Date),
    });
  });

  it('are never started by a request that runs during the suspension', async () => {
    const suspended = await signedIn(app);
    const release = await suspendSlowly(app, suspended);

    const request = suspended.post('/v1/jobs', { type: 'user-export' }).then((answer) => answer);
    await untilWaitsForLock(app);
    await release();

    expect((await request).status).toBe(401);
    expect(await app.db.query(`SELECT 1 FROM jobs WHERE user_id = $1`, [suspended.user.id])).toEqual([]);
  });
});

/** Suspends a user in a transaction that stays open until the returned function is called. */
async function suspendSlowly(app: TestApp, { user }: SignedIn): Promise<() => Promise<void>> {
  const runner = app.db.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [user.id]);
  return async () => {
    await runner.commitTransaction();
    await runner.release();
  };
}

const untilWaitsForLock = (app: TestApp) =>
  until(async () => {
    const waiting = await app.db.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length > 0;
  }, 'the request to wait for the lock');
