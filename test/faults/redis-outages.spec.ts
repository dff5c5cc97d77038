import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SmtpServer } from '../support/smtp.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { ExpectedImport, NO_DIFFERENCES } from './expected-import.ts';
import { MixedLoad } from './mixed-load.ts';
import { type Outcome, recordOutcome, seconds } from './outcomes.ts';
import { countInQueue, withRedis } from './queue-control.ts';
import { AS_ASKED } from './request-log.ts';

/** From the return of Redis to the end of a job that was waiting for it. */
const RESUMED_MS = 25_000;
/** Measured from the moment the queue loses its data. */
const DISPATCHED_AGAIN_MS = 60_000;
const ANSWERED_MS = 2_000;
/** Responses before the outage. They show how fast the machine is. */
const CALM_ANSWERS = 50;
const LINES = 20_000;
const UNFINISHED = 300;

describe('Redis', () => {
  let system: System;
  let smtp: SmtpServer;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    system = await System.start({ backend: 'redis', settings: { SMTP_URL: smtp.url } });
    await system.startApi();
    await Promise.all([system.startWorker(), system.startWorker()]);
    // Sign in now: it must not happen during an outage.
    await system.request('GET', '/v1/users/me');
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await smtp.down();
  });

  const readiness = async () => {
    const answer = await fetch(`${system.url}/health/ready`);
    return [answer.status, ((await answer.json()) as { status: string }).status];
  };

  const completed = (id: string) =>
    system.untilJob(id, 'to be completed', ({ status }) => status === 'completed', RESUMED_MS);

  /** Breaks and restores Redis under load. Checks that a job started during the outage finishes soon after it. */
  async function expectToOutlive(interrupt: () => unknown, restore: () => unknown, ms: number) {
    const load = new MixedLoad(system, smtp);
    await until(() => load.answers.length >= CALM_ANSWERS, 'the load to begin');
    const brokenAt = Date.now();
    await interrupt();
    const expected = new ExpectedImport(200);
    const id = await system.import(expected.csv);
    await until(async () => (await readiness())[1] === 'degraded', 'readiness to notice');
    const ready = await readiness();
    await pause(Math.max(0, brokenAt + ms - Date.now()));
    const early = await system.job(id);
    await restore();
    const restoredAt = Date.now();
    const job = await completed(id);
    const resumed = Date.now() - restoredAt;
    await load.stop();

    const difference = await load.differences();
    expect(Object.keys(load.statuses()).filter((status) => !['200', '202'].includes(status))).toEqual([]);
    expect(load.p99(brokenAt, restoredAt)).toBeLessThan(load.limitFor(ANSWERED_MS, brokenAt));
    expect(ready).toEqual([200, 'degraded']);
    expect(early).toMatchObject({ status: 'queued', attempts: 0 });
    expect(job).toMatchObject({ attempts: 1, stalls: 0 });
    expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
    expect(difference).toEqual(AS_ASKED);
    expect(system.running()).not.toContain(false);
    const p99 = load.p99(brokenAt, restoredAt);
    return record(
      load,
      difference,
      `resumed after ${seconds(resumed)}; p99 of the API during the outage ${p99} ms`,
    );
  }

  const record = (load: MixedLoad, { lost, doubled }: typeof AS_ASKED, measured: string) => ({
    operations: `${load.answers.length} requests, ${load.asked} of them with an effect`,
    lost,
    doubled,
    measured,
  });

  const told = (fault: string, outcome: Pick<Outcome, 'operations' | 'lost' | 'doubled' | 'measured'>) =>
    recordOutcome({
      area: 'Redis',
      fault,
      promise: 'no 5xx, p99 ≤ 2 s; work resumes ≤ 25 s after the return',
      ...outcome,
    });

  it.each([5, 10, 60])(
    'may be gone for %i seconds: the API takes everything, and it is done after',
    async (length) => {
      const outcome = await expectToOutlive(
        () => system.redis?.kill(),
        () => system.restartRedis(),
        length * 1_000,
      );
      expect(outcome).toMatchObject({ lost: 0, doubled: 0 });
      told(`killed, and back after ${length} s`, outcome);
    },
    180_000,
  );

  it('can hang for 10 seconds without closing its connections', async () => {
    const outcome = await expectToOutlive(
      () => system.redis?.pause(),
      () => system.redis?.resume(),
      10_000,
    );
    expect(outcome).toMatchObject({ lost: 0, doubled: 0 });
    told('stopped in its tracks (SIGSTOP) for 10 s', outcome);
  }, 120_000);

  it('can close every connection repeatedly', async () => {
    const load = new MixedLoad(system, smtp);
    for (let cut = 0; cut < 8; cut += 1) {
      await pause(1_000);
      await withRedis(system, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal'));
    }
    await load.stop();

    const difference = await load.differences(RESUMED_MS);
    expect(difference).toEqual(AS_ASKED);
    expect(Object.keys(load.statuses()).filter((status) => !['200', '202'].includes(status))).toEqual([]);
    expect(system.running()).not.toContain(false);
    told('every connection closed, 8 times', record(load, difference, `p99 of the API ${load.p99()} ms`));
  }, 90_000);

  it('can run out of memory: the API accepts jobs, and they run once memory is available', async () => {
    const limit = (bytes: string) => withRedis(system, (redis) => redis.config('SET', 'maxmemory', bytes));
    const load = new MixedLoad(system, smtp);
    await until(() => load.answers.length >= CALM_ANSWERS, 'the load to begin');
    const fullAt = Date.now();
    await limit('1');
    await pause(8_000);
    await limit('0');
    const roomAt = Date.now();
    await load.stop();

    const difference = await load.differences(RESUMED_MS);
    const resumed = Date.now() - roomAt;
    expect(difference).toEqual(AS_ASKED);
    expect(Object.keys(load.statuses()).filter((status) => !['200', '202'].includes(status))).toEqual([]);
    expect(load.p99(fullAt, roomAt)).toBeLessThan(load.limitFor(ANSWERED_MS, fullAt));
    expect(system.programs.some(({ output }) => output.includes('OOM command not allowed'))).toBe(true);
    told(
      'full for 8 s (maxmemory, noeviction)',
      record(load, difference, `drained after ${seconds(resumed)}`),
    );
  }, 90_000);

  it('can be killed and restarted during an import: no line is lost or repeated', async () => {
    const expected = new ExpectedImport(LINES);
    const id = await system.import(expected.csv);
    await system.untilLine(id, 1_000);

    await system.redis?.kill();
    await system.restartRedis();

    expect(await completed(id)).toMatchObject({ result: expected.counts, stalls: 0 });
    expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
  }, 90_000);

  it('can lose all data while hundreds of jobs are unfinished', async () => {
    const imported = new ExpectedImport(LINES);
    const id = await system.import(imported.csv);
    smtp.behavior = 'hold';
    const load = new MixedLoad(system, smtp, 60);
    await until(async () => (await countInQueue(system, 'mail-send')) >= UNFINISHED, 'the backlog', 60_000);

    await withRedis(system, (redis) => redis.flushall());
    const forgottenAt = Date.now();
    await load.stop();
    smtp.behavior = 'accept';
    smtp.release();
    const difference = await load.differences(DISPATCHED_AGAIN_MS);
    const took = Date.now() - forgottenAt;

    expect(difference).toEqual(AS_ASKED);
    expect(await completed(id)).toMatchObject({ result: imported.counts, attempts: 1, stalls: 0 });
    const lines = await imported.differences(system, id);
    expect(lines).toEqual(NO_DIFFERENCES);
    recordOutcome({
      area: 'Redis',
      fault: `forgets everything (FLUSHALL) with ${UNFINISHED} jobs waiting and an import running`,
      promise: 'all dispatched again ≤ 60 s, effects once',
      ...record(load, difference, `all done after ${seconds(took)}`),
    });
  }, 180_000);

  it('can be down while a job is cancelled: the response does not wait for it', async () => {
    await system.redis?.stop();
    const id = await system.import(new ExpectedImport(10).csv);
    const before = Date.now();
    const answer = await system.request('POST', `/v1/jobs/${id}/cancel`, undefined, {
      correlationId: randomUUID(),
    });
    const took = Date.now() - before;
    await system.restartRedis();

    expect([answer.status, (await system.job(id)).status]).toEqual([200, 'cancelled']);
    expect(took).toBeLessThan(4_000);
  }, 60_000);
});

describe('Redis that is down at the start', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend: 'redis' });
    await system.redis?.stop();
  }, 60_000);

  afterAll(() => system.stop());

  it('can be down when the API and a worker start: jobs run once it is available', async () => {
    await system.startApi();
    await system.startWorker();
    const imports = times(2, () => new ExpectedImport(1_000));
    const first = await system.import(String(imports[0]?.csv));
    const early = await system.job(first);

    await system.restartRedis();
    const backAt = Date.now();
    const job = await system.untilJob(first, 'to end', ({ status }) => status === 'completed', RESUMED_MS);
    const took = Date.now() - backAt;
    const second = await system.import(String(imports[1]?.csv));
    await system.untilStatus(second, 'completed');

    expect([early.status, job.attempts]).toEqual(['queued', 1]);
    expect(await imports[0]?.differences(system, first)).toEqual(NO_DIFFERENCES);
    expect(await imports[1]?.differences(system, second)).toEqual(NO_DIFFERENCES);
    recordOutcome({
      area: 'Redis',
      fault: 'down when API and worker start',
      promise: 'both start and take work; it begins ≤ 25 s after Redis is there',
      operations: '2 imports',
      lost: 0,
      doubled: 0,
      measured: `the first done after ${seconds(took)}`,
    });
  }, 120_000);

  it('lets a worker shut down while it is down', async () => {
    await system.redis?.stop();

    const exits = await Promise.all(system.programs.map((program) => program.end()));

    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  }, 60_000);
});
