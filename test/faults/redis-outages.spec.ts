import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisUrl } from '../support/redis.ts';
import { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { ImportLedger, NO_DIFFERENCES } from './import-ledger.ts';

const LINES = 20_000;
/** The promise is 25 s after Redis is back; the rest is the import itself. */
const RESUMED_MS = 35_000;

const describeWithRedis = redisUrl() ? describe : describe.skip;

describeWithRedis('Redis', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend: 'redis' });
    await system.startApi();
    await system.startWorker();
  }, 60_000);

  afterAll(() => system.stop());

  const readiness = async () => {
    const answer = await fetch(`${system.url}/health/ready`);
    return [answer.status, ((await answer.json()) as { status: string }).status];
  };

  const untilEnded = (id: string) =>
    system.untilJob(id, 'to end', ({ status }) => ['completed', 'failed'].includes(status), RESUMED_MS);

  const expectAllWell = async (ledger: ImportLedger, id: string) => {
    expect(await untilEnded(id)).toMatchObject({ status: 'completed', result: ledger.counts });
    expect(await ledger.differences(system, id)).toEqual(NO_DIFFERENCES);
    expect(system.running()).not.toContain(false);
  };

  it('costs an import nothing when it is killed in the middle and comes back', async () => {
    const ledger = new ImportLedger(LINES);
    const id = await system.import(ledger.csv);
    await system.untilLine(id, 1_000);

    await system.redis?.kill();
    await system.restartRedis();

    await expectAllWell(ledger, id);
    expect((await system.job(id)).losses).toBe(0);
  }, 90_000);

  it('costs an import nothing when it forgets everything in the middle', async () => {
    const ledger = new ImportLedger(LINES);
    const id = await system.import(ledger.csv);
    await system.untilLine(id, 1_000);

    const redis = new Redis(String(system.redis?.url));
    await redis.flushall();
    redis.disconnect();

    await expectAllWell(ledger, id);
    expect(await system.job(id)).toMatchObject({ attempts: 1, losses: 0 });
  }, 90_000);

  it.each([3, 8])(
    'may be away for %i seconds: the API takes imports, and they are done after',
    async (seconds) => {
      await system.redis?.stop();
      const stoppedAt = Date.now();
      const ledger = new ImportLedger(1_000);
      const before = Date.now();
      const id = await system.import(ledger.csv);
      const took = Date.now() - before;
      await until(async () => (await readiness())[1] === 'degraded', 'readiness to notice');
      const seen = await readiness();
      await until(() => Date.now() - stoppedAt > seconds * 1_000, 'the outage to last', 60_000);
      await system.restartRedis();

      await expectAllWell(ledger, id);
      expect(took).toBeLessThan(4_000);
      expect(seen).toEqual([200, 'degraded']);
      // The API has a connection of its own, which may come back after the worker's.
      await until(async () => (await readiness())[1] === 'ok', 'readiness to notice the return');
    },
    90_000,
  );

  it('may hang without closing its connections', async () => {
    const ledger = new ImportLedger(1_000);
    system.redis?.pause();
    const id = await system.import(ledger.csv);
    const seen = await until(async () => {
      const state = await readiness();
      return state[1] === 'degraded' && state;
    }, 'readiness to notice');
    system.redis?.resume();

    await expectAllWell(ledger, id);
    expect(seen).toEqual([200, 'degraded']);
  }, 90_000);

  it('may be down while a job is cancelled: the answer does not wait for it', async () => {
    await system.redis?.stop();
    const id = await system.import(new ImportLedger(10).csv);
    const before = Date.now();
    const answer = await system.request('POST', `/v1/jobs/${id}/cancel`);
    const took = Date.now() - before;
    await system.restartRedis();

    expect([answer.status, (await system.job(id)).status]).toEqual([200, 'cancelled']);
    expect(took).toBeLessThan(4_000);
  }, 60_000);
});

describeWithRedis('Redis that is down at the start', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend: 'redis' });
    await system.redis?.stop();
  }, 60_000);

  afterAll(() => system.stop());

  it('keeps neither the API nor a worker from starting, and the work begins once it is there', async () => {
    await system.startApi();
    await system.startWorker();
    const ledger = new ImportLedger(1_000);
    const id = await system.import(ledger.csv);
    const early = await system.job(id);

    await system.restartRedis();
    const job = await system.untilJob(id, 'to end', ({ status }) => status === 'completed', RESUMED_MS);
    const second = new ImportLedger(1_000);
    const secondId = await system.import(second.csv);
    await system.untilStatus(secondId, 'completed');

    expect([early.status, job.attempts]).toEqual(['queued', 1]);
    expect(await ledger.differences(system, id)).toEqual(NO_DIFFERENCES);
    expect(await second.differences(system, secondId)).toEqual(NO_DIFFERENCES);
  }, 120_000);

  it('does not keep a worker from ending', async () => {
    await system.redis?.stop();

    const exits = await Promise.all(system.programs.map((program) => program.end()));

    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  }, 60_000);
});
