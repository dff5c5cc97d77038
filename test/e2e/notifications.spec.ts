import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { UnrecoverableJobError } from '../../src/jobs/job-handler.ts';
import { User } from '../../src/users/user.entity.ts';
import { untilJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn } from '../support/client.ts';
import { scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { times } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true, handlers: scriptedHandlers });
});

afterAll(() => app.stop());

const labelOf = ({ data }: { data: { jobType: string } }) => data.jobType;

const list = async (who: SignedIn, query = '') => (await who.get(`/v1/notifications${query}`)).body;

/** Creates notifications for a new user, with the labels "0", "1", … */
async function withNotifications(count: number): Promise<SignedIn> {
  const who = await signedIn(app);
  for (let n = 0; n < count; n += 1) await notify(app, who.user.id, { label: String(n) });
  return who;
}

/** The stored counter and the actual number must always be equal. */
async function unread(who: SignedIn): Promise<{ counted: number; there: number }> {
  const { unreadCount: counted } = await app.db.getRepository(User).findOneByOrFail({ id: who.user.id });
  const [{ there }] = await app.db.query(
    'SELECT count(*)::int AS there FROM notifications WHERE user_id = $1 AND read_at IS NULL',
    [who.user.id],
  );
  return { counted, there };
}

describe('GET /v1/notifications', () => {
  it('lists the caller’s notifications, newest first, with the unread count', async () => {
    const who = await withNotifications(3);
    await notify(app, (await signedIn(app)).user.id);

    const { data, meta } = await list(who);

    expect(data.map(labelOf)).toEqual(['2', '1', '0']);
    expect(meta).toEqual({ limit: 20, nextCursor: null, unreadCount: 3 });
    expect(data[0]).toEqual({
      id: expect.any(String),
      type: 'job-completed',
      title: 'Job completed',
      body: 'The job “2” has completed.',
      data: { jobId: '1', jobType: '2' },
      readAt: null,
      createdAt: expect.stringMatching(/Z$/),
    });
  });

  it('returns each notification once across all pages', async () => {
    const who = await withNotifications(5);

    const first = await list(who, '?limit=2');
    const second = await list(who, `?limit=2&cursor=${first.meta.nextCursor}`);
    const third = await list(who, `?limit=2&cursor=${second.meta.nextCursor}`);

    const labels = [first, second, third].flatMap(({ data }) => data.map(labelOf));
    expect(labels).toEqual(['4', '3', '2', '1', '0']);
    expect(third.meta).toEqual({ limit: 2, nextCursor: null, unreadCount: 5 });
  });

  it('filters unread notifications', async () => {
    const who = await withNotifications(2);
    const [newest] = (await list(who)).data;
    await who.post(`/v1/notifications/${newest.id}/read`);

    const [unreadOnes, readOnes] = [await list(who, '?unread=true'), await list(who, '?unread=false')];

    expect(unreadOnes.data.map(labelOf)).toEqual(['0']);
    expect(readOnes.data).toEqual([{ ...newest, readAt: expect.any(String) }]);
    expect((await who.get('/v1/notifications?unread=maybe')).status).toBe(422);
  });

  it('rejects a cursor of another user', async () => {
    const [who, other] = [await withNotifications(2), await withNotifications(2)];
    const { meta } = await list(who, '?limit=1');

    const answer = await other.get(`/v1/notifications?limit=1&cursor=${meta.nextCursor}`);

    expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_CURSOR']);
  });
});

describe('POST /v1/notifications/{id}/read', () => {
  it('marks it once, also for repeated requests', async () => {
    const who = await withNotifications(2);
    const [{ id }] = (await list(who)).data;

    const first = await who.post(`/v1/notifications/${id}/read`);
    const [{ readAt }] = (await list(who)).data;
    const second = await who.post(`/v1/notifications/${id}/read`);

    expect([first.status, second.status]).toEqual([204, 204]);
    expect((await list(who)).data[0].readAt).toBe(readAt);
    expect((await list(who)).meta.unreadCount).toBe(1);
  });

  it('responds 404 for another user’s notification, an unknown id and an invalid id', async () => {
    const [who, other] = [await withNotifications(1), await signedIn(app)];
    const [{ id }] = (await list(who)).data;

    const answers = await Promise.all(
      [id, randomUUID(), 'not-an-id'].map((one) => other.post(`/v1/notifications/${one}/read`)),
    );

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      times(3, () => [404, 'NOT_FOUND']),
    );
    expect((await list(who)).meta.unreadCount).toBe(1);
  });
});

describe('POST /v1/notifications/read-all', () => {
  it('marks all notifications of the caller', async () => {
    const [who, other] = [await withNotifications(3), await withNotifications(1)];

    const answer = await who.post('/v1/notifications/read-all');

    expect(answer.status).toBe(204);
    expect((await list(who, '?unread=true')).data).toEqual([]);
    expect((await list(who)).meta.unreadCount).toBe(0);
    expect((await list(other)).meta.unreadCount).toBe(1);
  });
});

describe('the count of unread notifications', () => {
  it('stays correct when fifty are created and read in parallel', async () => {
    const who = await withNotifications(20);
    const ids: string[] = (await list(who)).data.map(({ id }: { id: string }) => id);

    const answers = await Promise.all([
      ...times(50, (n) => notify(app, who.user.id, { label: `new ${n}` })),
      ...times(50, (n) => who.post(`/v1/notifications/${ids[n % 20]}/read`)),
      ...times(5, () => who.post('/v1/notifications/read-all')),
    ]);

    expect(new Set(answers.flatMap((answer) => answer?.status ?? []))).toEqual(new Set([204]));
    const { counted, there } = await unread(who);
    expect(counted).toBe(there);
    expect((await list(who, '?limit=1')).meta.unreadCount).toBe(there);
  });

  it('does not change when a transaction rolls back', async () => {
    const who = await withNotifications(1);

    const rolledBack = app.db.transaction(async (tx) => {
      await notify(app, who.user.id, { tx });
      throw new Error('rolled back');
    });

    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await unread(who)).toEqual({ counted: 1, there: 1 });
  });
});

describe('the cap of a thousand', () => {
  it('keeps the newest, also when many are created in parallel, and corrects the count', async () => {
    const who = await withNotifications(1);
    await app.db.query(
      `INSERT INTO notifications (id, user_id, type, data)
       SELECT gen_random_uuid(), $1, 'job-completed', jsonb_build_object('jobId', '1', 'jobType', 'old ' || n)
       FROM generate_series(1, 999) n`,
      [who.user.id],
    );
    await app.db.query('UPDATE users SET unread_count = 1000 WHERE id = $1', [who.user.id]);

    await Promise.all(times(20, (n) => notify(app, who.user.id, { label: `new ${n}` })));

    expect(await unread(who)).toEqual({ counted: 1_000, there: 1_000 });
    const kept = await app.db.query<{ label: string }[]>(
      `SELECT data ->> 'jobType' AS label FROM notifications WHERE user_id = $1 ORDER BY position`,
      [who.user.id],
    );
    expect(kept[0]).toEqual({ label: 'old 20' });
    expect(kept.filter(({ label }) => label.startsWith('new'))).toHaveLength(20);
  });
});

describe('a user is notified', () => {
  const told = async (who: SignedIn) => {
    const { data } = await list(who);
    return data.map(({ type, data: about }: { type: string; data: object }) => ({ type, about }));
  };

  it('once when their job completes, in the same transaction', async () => {
    const who = await signedIn(app);

    const job = await startScripted(app, async () => undefined, { userId: who.user.id });

    await untilJob(app, job.id, 'completed');
    expect(await told(who)).toEqual([
      { type: 'job-completed', about: { jobId: job.id, jobType: 'test-scripted' } },
    ]);
  });

  it('when their job fails, but not after earlier attempts', async () => {
    const who = await signedIn(app);
    let runs = 0;

    const job = await startScripted(
      app,
      async () => {
        runs += 1;
        throw runs === 2 ? new UnrecoverableJobError('NO_ROOM', 'The shelf is full.') : new Error('secret');
      },
      { userId: who.user.id },
    );

    await untilJob(app, job.id, 'failed');
    const { data } = await list(who);
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      type: 'job-failed',
      body: 'The job “test-scripted” has failed: The shelf is full.',
      data: { jobId: job.id, errorCode: 'NO_ROOM' },
    });
  });

  it('not when a job is cancelled or belongs to the system', async () => {
    const who = await signedIn(app);
    const waiting = async ({ signal }: { signal: AbortSignal }) => void (await once(signal, 'abort'));
    const own = await startScripted(app, waiting, { userId: who.user.id });
    const system = await startScripted(app, async () => undefined);

    await untilJob(app, own.id, 'active');
    await who.post(`/v1/jobs/${own.id}/cancel`);

    await untilJob(app, own.id, 'cancelled');
    await untilJob(app, system.id, 'completed');
    expect(await told(who)).toEqual([]);
  });

  it('when their password changes', async () => {
    const who = await signedIn(app);

    await who.post('/v1/auth/change-password', {
      currentPassword: 'correct horse battery',
      newPassword: 'a different horse entirely',
    });

    expect(await told(who)).toEqual([{ type: 'password-changed', about: {} }]);
  });

  it('when their email changes, after confirmation', async () => {
    const who = await signedIn(app);
    const newEmail = `${randomUUID()}@example.com`;
    await who.post('/v1/users/me/email', { newEmail, password: 'correct horse battery' });
    const token = await app.mailbox.token(newEmail);
    const before = await told(who);

    const confirm = () => app.http().post('/v1/auth/confirm-email-change').send({ token });
    const statuses = [(await confirm()).status, (await confirm()).status];

    const again = await login(app, newEmail, 'correct horse battery');
    const after = await told(new SignedIn(app, who.user, again.accessToken, again.refreshToken));
    expect(statuses).toEqual([204, 204]);
    expect([before, after]).toEqual([[], [{ type: 'email-changed', about: {} }]]);
  });

  it('once when a refresh token is reused', async () => {
    const [who, other] = await twoSessions();
    const stale = other.refreshToken;
    await app.db.query(
      `UPDATE sessions SET rotation_counter = 5, rotated_at = now() - interval '1 hour' WHERE user_id = $1`,
      [who.user.id],
    );

    const answers = await Promise.all(
      times(20, () => app.http().post('/v1/auth/refresh').send({ refreshToken: stale })),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(await told(who)).toEqual([{ type: 'refresh-token-reused', about: {} }]);
  });
});

async function twoSessions() {
  const first = await signedIn(app);
  return [first, await login(app, first.user.email, 'correct horse battery')] as const;
}
