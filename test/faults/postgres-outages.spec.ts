import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { product } from '../../src/platform/config/product.ts';
import { backends } from '../support/queue-data.ts';
import { SmtpServer } from '../support/smtp.ts';
import { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { ExpectedImport, NO_DIFFERENCES } from './expected-import.ts';
import { MixedLoad } from './mixed-load.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { AS_ASKED } from './request-log.ts';

const LINES = 20_000;
/** Measured from the first successful connection to Postgres. */
const RECOVERED_MS = 10_000;
/** From the same moment to the end of the import. */
const RESUMED_MS = 45_000;
const CUTS = 8;
const CUT_EVERY_MS = 2_000;

describe.each(backends)('Postgres, with the queue on %s,', (backend) => {
  let system: System;
  let smtp: SmtpServer;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    system = await System.start({ backend, settings: { SMTP_URL: smtp.url } });
    await system.startApi();
    await Promise.all([system.startWorker(), system.startWorker()]);
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await smtp.down();
  });

  const endedImport = (id: string) =>
    system.untilJob(id, 'to end', ({ status }) => ['completed', 'failed'].includes(status), RESUMED_MS);

  const expectOnlyHonestRefusals = (load: MixedLoad) => {
    const statuses = new Set(Object.keys(load.statuses()));
    expect([...statuses].filter((status) => !['200', '202', '503'].includes(status))).toEqual([]);
    const unavailable = load.answers.filter(({ status }) => status === 503);
    expect(unavailable.filter(({ retryAfter }) => !retryAfter)).toEqual([]);
    expect(system.running()).not.toContain(false);
  };

  it.each(['stopped', 'killed'] as const)(
    'may be %s and started in the middle of an import and under load',
    async (how) => {
      const expected = new ExpectedImport(LINES);
      const id = await system.import(expected.csv);
      const load = new MixedLoad(system, smtp);
      await system.untilLine(id, 1_000);

      await (how === 'stopped' ? system.postgres.stop() : system.postgres.kill());
      await until(() => load.answers.some(({ status }) => status === 503), 'the API to notice');
      await system.restartPostgres();
      const backAt = Date.now();
      await until(
        () => load.since(backAt).some(({ status }) => status === 202),
        'the API to recover',
        RECOVERED_MS,
      );
      const recovered = Date.now() - backAt;
      const job = await endedImport(id);
      const resumed = Date.now() - backAt;
      await load.stop();

      expectOnlyHonestRefusals(load);
      expect(job).toMatchObject({ status: 'completed', result: expected.counts });
      const difference = await load.differences();
      expect(difference).toEqual(AS_ASKED);
      const lines = await expected.differences(system, id);
      expect(lines).toEqual(NO_DIFFERENCES);
      recordOutcome({
        area: 'Postgres',
        fault: `Postgres ${how} and started again, under load`,
        backend,
        promise: '503 with Retry-After, no process exits, recovered ≤ 10 s',
        operations: `${LINES} lines, ${load.asked} requests with an effect`,
        lost: difference.lost + lines.lost,
        doubled: difference.doubled + lines.doubled,
        measured: `API after ${seconds(recovered)}, import done after ${seconds(resumed)}`,
      });
    },
    120_000,
  );

  it('can close every connection repeatedly: no job counts as stalled', async () => {
    const expected = new ExpectedImport(LINES);
    const load = new MixedLoad(system, smtp);
    const id = await system.import(expected.csv);

    for (let cut = 0; cut < CUTS; cut += 1) {
      await pause(CUT_EVERY_MS);
      await system.db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '${product.name}-%'`,
      );
    }
    const endedAt = Date.now();
    const job = await endedImport(id);
    await load.stop();

    expectOnlyHonestRefusals(load);
    expect(load.p99(endedAt)).toBeLessThan(RECOVERED_MS);
    expect(job).toMatchObject({ status: 'completed', stalls: 0, result: expected.counts });
    const difference = await load.differences();
    expect(difference).toEqual(AS_ASKED);
    const lines = await expected.differences(system, id);
    expect(lines).toEqual(NO_DIFFERENCES);
    const { rows } = await system.db.query<{ stalls: number; attempts: number }>(
      'SELECT sum(stalls)::int AS stalls, max(attempts) AS attempts FROM jobs WHERE created_at > $1',
      [new Date(load.answers[0]?.at ?? 0)],
    );
    expect(rows[0]?.stalls).toBe(0);
    recordOutcome({
      area: 'Postgres',
      fault: `every connection ended from the server's side, ${CUTS} times, every 2 s, under load`,
      backend,
      promise: '503 to the few in flight, no process exits, no job counts as stalled',
      operations: `${LINES} lines, ${load.asked} requests with an effect`,
      lost: difference.lost + lines.lost,
      doubled: difference.doubled + lines.doubled,
      measured: `${load.statuses()['503'] ?? 0} of ${load.answers.length} requests rejected, import in ${job.attempts} attempts`,
    });
  }, 120_000);

  it('lets a worker and the API shut down while it is down', async () => {
    await system.postgres.stop();

    const exits = await Promise.all(system.programs.map((program) => program.end()));

    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0]);
  }, 60_000);
});
