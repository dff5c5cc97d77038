import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { UnrecoverableJobError } from '../../src/jobs/job-handler.ts';
import { createJob, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { EventSource } from '../support/event-source.ts';
import type { Program } from '../support/program.ts';
import { backends } from '../support/queue-data.ts';
import { door, scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

describe.each(backends)('GET /v1/jobs/{id}/events on %s', (backend) => {
  let app: TestApp;
  let here: string;
  let other: Program;
  let owner: SignedIn;
  const opened: EventSource[] = [];

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
    here = await app.listen();
    other = await app.startAnother();
    owner = await signedIn(app);
  });

  afterEach(() => opened.splice(0).forEach((source) => source.close()));
  afterAll(() => app.stop());

  async function watch(id: string, who = owner, at = here) {
    const source = await EventSource.open(`${at}/v1/jobs/${id}/events`, who.accessToken);
    opened.push(source);
    return source;
  }

  const statesIn = (source: EventSource) =>
    source.of('progress').map(({ data }) => `${data.status} ${data.progress}`);
  const asOwner = () => ({ userId: owner.user.id });

  it('streams the state of a job until it completes, on every instance', async () => {
    const [begun, done] = [door(), door()];
    const job = await startScripted(
      app,
      async (ctx) => {
        await begun.opened;
        await ctx.progress(50);
        await done.opened;
        return { made: 3 };
      },
      asOwner(),
    );
    await untilJob(app, job.id, 'active');
    const sources = [await watch(job.id), await watch(job.id, owner, other.url)];
    await Promise.all(sources.map((source) => source.untilReceived('progress')));

    begun.open();
    await Promise.all(sources.map((source) => source.untilReceived('progress', 2)));
    done.open();

    expect(await Promise.all(sources.map((source) => source.untilEnded()))).toEqual([
      'completed',
      'completed',
    ]);
    const { body } = await owner.get(`/v1/jobs/${job.id}`);
    for (const source of sources) {
      expect(statesIn(source)).toEqual(['active 0', 'active 50', 'completed 100']);
      expect(source.of('progress').at(-1)?.data).toEqual(body.data);
      expect(source.events.at(-1)).toEqual({ event: 'end', data: { reason: 'completed' } });
    }
  });

  it('sends a change long before the next poll', async () => {
    const { opened: isOpen, open } = door();
    const job = await startScripted(app, () => isOpen, asOwner());
    await untilJob(app, job.id, 'active');
    const source = await watch(job.id);
    await source.untilReceived('progress');

    open();
    await untilJob(app, job.id, 'completed');
    const completedAt = Date.now();

    await source.untilEnded();
    expect(Date.now() - completedAt).toBeLessThan(1_000);
  });

  it('sends a change that was not published', async () => {
    const job = await createJob(app, asOwner());
    const source = await watch(job.id);
    await source.untilReceived('progress');

    await app.db.query(`UPDATE jobs SET status = 'failed', error_code = 'X' WHERE id = $1`, [job.id]);

    expect(await source.untilEnded()).toBe('failed');
    expect(source.of('progress').at(-1)?.data).toMatchObject({ status: 'failed', error: { code: 'X' } });
  });

  it('ends with the error of a failed job', async () => {
    const job = await startScripted(
      app,
      () => Promise.reject(new UnrecoverableJobError('NO', 'It can’t be.')),
      asOwner(),
    );

    const source = await watch(job.id);

    expect(await source.untilEnded()).toBe('failed');
    expect(source.of('progress').at(-1)?.data.error).toEqual({ code: 'NO', message: 'It can’t be.' });
  });

  it('ends when the job is cancelled, queued or running', async () => {
    const queued = await createJob(app, { ...asOwner(), availableAt: new Date(Date.now() + 600_000) });
    const running = await startScripted(
      app,
      async ({ signal }) => void (await once(signal, 'abort')),
      asOwner(),
    );
    await untilJob(app, running.id, 'active');
    const sources = [await watch(queued.id), await watch(running.id)];

    for (const { id } of [queued, running]) await owner.post(`/v1/jobs/${id}/cancel`);

    expect(await Promise.all(sources.map((source) => source.untilEnded()))).toEqual(
      times(2, () => 'cancelled'),
    );
  });

  it('sends the state of a finished job and ends', async () => {
    const job = await createJob(app, { ...asOwner(), status: 'completed', progress: 100 });

    const source = await watch(job.id);

    expect(await source.untilEnded()).toBe('completed');
    expect(statesIn(source)).toEqual(['completed 100']);
  });

  it('ends when the job is deleted', async () => {
    const job = await createJob(app, asOwner());
    const source = await watch(job.id);
    await source.untilReceived('progress');

    await app.db.query('DELETE FROM jobs WHERE id = $1', [job.id]);

    expect(await source.untilEnded()).toBe('deleted');
  });

  it('is 404 for the job of another user, an unknown id and an invalid id', async () => {
    const [job, otherUser] = [await createJob(app, asOwner()), await signedIn(app)];

    const answers = await Promise.all(
      [job.id, randomUUID(), 'not-an-id'].map((id) => otherUser.get(`/v1/jobs/${id}/events`)),
    );

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      times(3, () => [404, 'NOT_FOUND']),
    );
  });

  it('allows an administrator', async () => {
    const job = await createJob(app, asOwner());

    const source = await watch(job.id, await signedIn(app, { role: 'admin' }));

    await source.untilReceived('progress');
    expect(statesIn(source)).toEqual(['queued 0']);
  });

  it('ends with the session', async () => {
    const [who, job] = await userWithJob();
    const source = await watch(job.id, who);

    await who.post('/v1/auth/logout');

    expect(await source.untilEnded()).toBe('session-ended');
  });

  it('ends when an administrator loses the role while watching the job of another user', async () => {
    const [boss, watcher] = [await signedIn(app, { role: 'admin' }), await signedIn(app, { role: 'admin' })];
    const job = await createJob(app, asOwner());
    const sources = [await watch(job.id, watcher), await watch(job.id, watcher, other.url)];

    await boss.patch(`/v1/users/${watcher.user.id}`, { role: 'user' });

    const ends = await Promise.all(sources.map((source) => source.untilEnded(5_000)));
    expect(ends).toEqual(['session-ended', 'session-ended']);
  });

  it('keeps the notification stream of the user open for any number of job streams', async () => {
    const [who, job] = await userWithJob();
    const notifications = await EventSource.open(`${here}/v1/notifications/stream`, who.accessToken);
    opened.push(notifications);
    const sources: EventSource[] = [];

    for (let n = 0; n < 6; n += 1) sources.push(await watch(job.id, who));

    expect(await sources[0]?.untilEnded()).toBe('too-many-streams');
    await until(() => sources[5]?.of('progress').length, 'the sixth to begin');
    expect(notifications.isClosed).toBe(false);
  });

  async function userWithJob() {
    const who = await signedIn(app);
    return [who, await createJob(app, { userId: who.user.id })] as const;
  }
});
