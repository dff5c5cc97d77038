import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SmtpServer } from '../support/smtp.ts';
import { System } from '../support/system.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { ExpectedImport, NO_DIFFERENCES } from './expected-import.ts';
import { MixedLoad } from './mixed-load.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { AS_ASKED } from './request-log.ts';

const HEALED_MS = 60_000;
const LATENCY_MS = 100;

describe('the way to Redis', () => {
  let system: System;
  let smtp: SmtpServer;
  let proxy: TcpProxy;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    proxy = await TcpProxy.start();
    system = await System.start({ backend: 'redis', settings: { SMTP_URL: smtp.url } });
    const viaProxy = { REDIS_URL: proxy.to(String(system.redis?.url)) };
    await system.startApi(viaProxy);
    await system.startWorker(viaProxy);
    await system.request('GET', '/v1/users/me');
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await smtp.down();
    await proxy.stop();
  });

  it('can be slow: no job counts as stalled, and the API stays fast', async () => {
    const load = new MixedLoad(system, smtp);
    await until(() => load.answers.length >= 50, 'the load to begin');
    const slowAt = Date.now();
    proxy.delayMs = LATENCY_MS;
    const expected = new ExpectedImport(20_000);
    const id = await system.import(expected.csv);
    const job = await system.untilStatus(id, 'completed', 'failed');
    await until(() => load.since(slowAt).length > 150, 'more of the load');
    await load.stop();
    const difference = await load.differences();
    proxy.delayMs = 0;

    expect(job).toMatchObject({ status: 'completed', attempts: 1, stalls: 0, result: expected.counts });
    expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
    expect(difference).toEqual(AS_ASKED);
    expect(load.p99(slowAt)).toBeLessThan(load.limitFor(2_000, slowAt));
    const { rows } = await system.db.query('SELECT count(*)::int AS lost FROM jobs WHERE stalls > 0');
    expect(rows).toEqual([{ lost: 0 }]);
    recordOutcome({
      area: 'Redis',
      fault: `${2 * LATENCY_MS} ms away`,
      promise: 'no job counts as stalled; the API responds ≤ 2 s',
      operations: `${load.asked} requests with an effect, an import`,
      lost: difference.lost,
      doubled: difference.doubled,
      measured: `p99 of the API ${load.p99(slowAt)} ms`,
    });
  }, 120_000);

  it.each([
    ['the connections on which workers wait for jobs', /bzpopmin/i],
    ['every connection', /(?:)/],
  ])(
    'may fall silent without being closed, on %s: the work goes on by itself',
    async (which, lastSent) => {
      const silenced = proxy.silence(lastSent);
      const silentAt = Date.now();
      const expected = new ExpectedImport(200);
      const id = await system.import(expected.csv);
      await system.untilJob(id, 'to end', ({ status }) => status === 'completed', HEALED_MS);
      const took = Date.now() - silentAt;

      expect(silenced).toBeGreaterThan(0);
      expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
      recordOutcome({
        area: 'Redis',
        fault: `a partition that closes nothing, of ${which}`,
        promise: 'recovers ≤ 60 s, no restart',
        operations: `${silenced} connections, an import`,
        lost: 0,
        doubled: 0,
        measured: `a job started then was done after ${seconds(took)}`,
      });
    },
    120_000,
  );
});
