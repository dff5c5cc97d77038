import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';
import { times } from '../support/until.ts';
import { ExpectedImport, NO_DIFFERENCES } from './expected-import.ts';
import { recordOutcome } from './outcomes.ts';

const LINES = 30_000;

describe.each(backends)('a worker that dies on %s', (backend) => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend });
    await system.startApi();
  }, 60_000);

  afterAll(() => system.stop());

  it('fails the import after the fifth kill, and a retry continues at the last committed batch', async () => {
    const expected = new ExpectedImport(LINES);
    const id = await system.import(expected.csv);

    for (const round of times(5, (n) => n + 1)) {
      const worker = await system.startWorker();
      await system.untilLine(id, round * 4_000);
      await worker.end('SIGKILL');
    }
    const last = await system.startWorker();
    const lost = await system.untilStatus(id, 'failed', 'completed');
    await system.request('POST', `/v1/jobs/${id}/retry`);
    const { result } = await system.untilStatus(id, 'completed');

    expect(lost).toMatchObject({ status: 'failed', error_code: 'WORKER_STALLED', stalls: 5, attempts: 1 });
    expect(result).toEqual(expected.counts);
    const { lost: missing, doubled, ...report } = await expected.differences(system, id);
    expect({ lost: missing, doubled, ...report }).toEqual(NO_DIFFERENCES);
    recordOutcome({
      area: 'Workers',
      fault: 'five workers killed −9, one after the other, in the middle of one import',
      backend,
      promise: 'fails after the fifth; a retry continues after the last batch',
      operations: `${LINES} lines`,
      lost: missing,
      doubled,
      measured: 'WORKER_STALLED after 5 stalls, 1 attempt',
    });
    await last.end('SIGKILL');
  }, 120_000);

  it('writes nothing when it resumes after another worker has taken its job', async () => {
    const expected = new ExpectedImport(LINES);
    const id = await system.import(expected.csv);
    const frozen = await system.startWorker();
    await system.untilLine(id, 2_000);

    frozen.process.kill('SIGSTOP');
    const other = await system.startWorker();
    await system.untilJob(id, 'to be taken over', ({ stalls }) => stalls === 1);
    frozen.process.kill('SIGCONT');
    const job = await system.untilStatus(id, 'completed', 'failed');

    expect(job).toMatchObject({ status: 'completed', stalls: 1, result: expected.counts });
    expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
    expect(system.running().slice(-2)).toEqual([true, true]);
    await Promise.all([frozen.end('SIGKILL'), other.end('SIGKILL')]);
  }, 60_000);

  it('releases an import on SIGTERM, and exits with 0', async () => {
    const expected = new ExpectedImport(LINES);
    const id = await system.import(expected.csv);
    // Too short for the import to finish.
    const first = await system.startWorker({ SHUTDOWN_DEADLINE_SECONDS: '3' });
    await system.untilLine(id, 2_000);

    const { code } = await first.end();
    const before = await system.job(id);
    await system.startWorker();
    const job = await system.untilStatus(id, 'completed', 'failed');

    expect(code).toBe(0);
    expect(before).toMatchObject({ status: 'queued', attempts: 0, stalls: 0 });
    expect(job).toMatchObject({ status: 'completed', attempts: 1, stalls: 0 });
    expect(await expected.differences(system, id)).toEqual(NO_DIFFERENCES);
  }, 60_000);
});
