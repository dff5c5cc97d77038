import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { ImportLedger, NO_DIFFERENCES } from './import-ledger.ts';

const LINES = 20_000;
/** From Postgres answering again to the end of the import. */
const RESUMED_MS = 45_000;
const CLIENTS = 8;

interface Answer {
  status: number;
  retryAfter: string | null;
  code: string | undefined;
}

/** Clients that ask without a pause until they are told to stop. */
function load(system: System) {
  const answers: Answer[] = [];
  const over = new AbortController();
  const ask = async () => {
    while (!over.signal.aborted) {
      const answer = await system.request('GET', '/v1/users?limit=5');
      const { code } = (await answer.json()) as { code?: string };
      answers.push({ status: answer.status, retryAfter: answer.headers.get('retry-after'), code });
    }
  };
  const clients = Array.from({ length: CLIENTS }, ask);
  return {
    answers,
    stop: async () => {
      over.abort();
      await Promise.all(clients);
    },
  };
}

describe.each(backends)('Postgres, with the queue on %s,', (backend) => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend });
    await system.startApi();
    await system.startWorker();
  }, 60_000);

  afterAll(() => system.stop());

  it.each(['stopped', 'killed'] as const)(
    'may be %s and started in the middle of an import and under load',
    async (how) => {
      const ledger = new ImportLedger(LINES);
      const id = await system.import(ledger.csv);
      const { answers, stop } = load(system);
      await system.untilLine(id, 1_000);

      await (how === 'stopped' ? system.postgres.stop() : system.postgres.kill());
      await until(() => answers.some(({ status }) => status === 503), 'the API to notice');
      await system.restartPostgres();
      const before = answers.length;
      await until(
        () => answers.slice(before).some(({ status }) => status === 200),
        'the API to recover',
        10_000,
      );
      const job = await system.untilJob(id, 'to end', ({ status }) => status === 'completed', RESUMED_MS);
      await stop();

      const refused = answers.filter(({ status }) => status !== 200);
      expect(new Set(refused.map(({ status, code }) => `${status} ${code}`))).toEqual(
        new Set(['503 UNAVAILABLE']),
      );
      expect(refused.filter(({ retryAfter }) => !retryAfter)).toEqual([]);
      expect(job.result).toEqual(ledger.counts);
      expect(await ledger.differences(system, id)).toEqual(NO_DIFFERENCES);
      expect(system.running()).toEqual([true, true]);
    },
    120_000,
  );

  it('does not keep a worker or the API from ending while it is down', async () => {
    await system.postgres.stop();

    const exits = await Promise.all(system.programs.map((program) => program.end()));

    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  }, 60_000);
});
