import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { ExpectedImport, NO_DIFFERENCES } from './expected-import.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { forgetQueue } from './queue-control.ts';

/** The PostgreSQL queue has a much lower throughput. */
const SIZES = { redis: 10_000, postgres: 2_000 };
const DRAINED_MS = 120_000;
const ATTEMPTS = 8;

describe.each(backends)('a worker on %s', (backend) => {
  const backlog = SIZES[backend];
  let system: System;

  beforeAll(async () => {
    system = await System.start({
      backend,
      settings: { STANDARD_WEBHOOK_SECRET: `whsec_${'abcdefgh'.repeat(4)}` },
    });
    await system.startApi();
    await system.request('GET', '/v1/users/me');
  }, 60_000);

  afterAll(() => system.stop());

  it(`finds ${backlog} undispatched jobs and runs each once`, async () => {
    await system.db.query(
      `WITH webhook AS (
         INSERT INTO inbound_webhooks (id, source, event_id, event_type, payload)
         SELECT gen_random_uuid(), 'standard', 'backlog-' || n, 'test.backlog', '{}' FROM generate_series(1, ${backlog}) AS n
         RETURNING id
       )
       INSERT INTO jobs (id, type, input, correlation_id, created_at)
       SELECT gen_random_uuid(), 'webhook-receive', jsonb_build_object('webhookId', id), id, now() - interval '1 minute' FROM webhook`,
    );
    const before = Date.now();
    await Promise.all([system.startWorker(), system.startWorker()]);
    const count = async (where: string) => {
      const { rows } = await system.db.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM ${where}`,
      );
      return rows[0]?.count;
    };
    const done = `jobs WHERE type = 'webhook-receive' AND status = 'completed'`;
    await until(async () => (await count(done)) === backlog, 'the backlog to drain', DRAINED_MS);
    const took = Date.now() - before;

    const processed = await count('inbound_webhooks WHERE processed_at IS NOT NULL');
    const again = await count(`${done} AND (attempts > 1 OR stalls > 0)`);
    expect([processed, again]).toEqual([backlog, 0]);
    recordOutcome({
      area: 'Workers',
      fault: `a backlog of ${backlog} jobs that no queue has heard of; two workers start`,
      backend,
      promise: 'drained, each done once',
      operations: `${backlog} jobs`,
      lost: backlog - Number(processed),
      doubled: Number(again),
      measured: `${seconds(took)} with the start of the workers: ${Math.round((backlog * 1_000) / took)} jobs a second`,
    });
  }, 180_000);

  it('fails a broken job without blocking others, and completes it after a fix and a retry', async () => {
    const poisoned = new ExpectedImport(200);
    const id = await system.import(poisoned.csv);
    // Corrupt the file after the upload and before the run.
    const broken = await system.db.query(
      `UPDATE job_file_chunks SET data = '\\xff'::bytea || data
       WHERE file_id = (SELECT input_file_id FROM jobs WHERE id = $1)`,
      [id],
    );
    await until(async () => (await system.job(id)).attempts >= 1, 'the first attempt');
    const neighbours = times(3, () => new ExpectedImport(200));
    const ids = await Promise.all(neighbours.map(({ csv }) => system.import(csv)));
    await Promise.all(ids.map((other) => system.untilStatus(other, 'completed')));
    const duringRetries = await system.job(id);
    const failed = await failNow(id);
    await system.db.query(
      `UPDATE job_file_chunks SET data = substring(data FROM 2) WHERE file_id = (SELECT input_file_id FROM jobs WHERE id = $1)`,
      [id],
    );
    await system.request('POST', `/v1/jobs/${id}/retry`);
    await system.untilStatus(id, 'completed');

    expect(broken.rowCount).toBe(1);
    expect(duringRetries.status).not.toBe('failed');
    expect(failed).toMatchObject({ status: 'failed', attempts: ATTEMPTS, stalls: 0, error_code: 'INTERNAL' });
    expect(await poisoned.differences(system, id)).toEqual(NO_DIFFERENCES);
    for (const [n, other] of ids.entries()) {
      expect(await neighbours[n]?.differences(system, other)).toEqual(NO_DIFFERENCES);
    }
    recordOutcome({
      area: 'Workers',
      fault: 'a job that fails at each attempt; its pauses are skipped',
      backend,
      promise: `failed after ${ATTEMPTS} attempts, others continue, a retry succeeds`,
      operations: `${ids.length + 1} imports`,
      lost: 0,
      doubled: 0,
      measured: `${ATTEMPTS} attempts`,
    });
  }, 120_000);

  /** Skips the delays between its attempts. */
  const failNow = (id: string) =>
    until(
      async () => {
        const job = await system.job(id);
        if (job.status === 'failed') return job;
        const { rowCount } = await system.db.query(
          `UPDATE jobs SET available_at = now(), dispatched_at = NULL
         WHERE id = $1 AND status = 'queued' AND available_at > now() + interval '1 second'`,
          [id],
        );
        if (rowCount === 1) await forgetQueue(system);
        return undefined;
      },
      'the attempts to be used up',
      60_000,
    );
});
