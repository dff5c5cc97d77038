import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Job } from '../../src/jobs/job.entity.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { jobRow } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { script, scripted, scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { recordOutcome, seconds } from './outcomes.ts';

/** Longer than a worker waits for Postgres, which is the limit of its statements plus 5 s. */
const PATIENCE_MS = 60_000;
/** The setting. The limit of a worker's statements is twelve times as long. */
const STATEMENT_TIMEOUT_MS = 1_000;

// For Redis see redis-partitions.spec.ts.
describe('a worker on PostgreSQL whose connections freeze without being closed', () => {
  let proxy: TcpProxy;
  let app: TestApp;

  beforeAll(async () => {
    proxy = await TcpProxy.start();
    app = await TestApp.start({ handlers: scriptedHandlers });
    await app.startWorker({
      DATABASE_DIRECT_URL: proxy.to(app.config.DATABASE_URL),
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    });
  });

  afterAll(async () => {
    proxy.breakConnections();
    await app.stop();
    await proxy.stop();
  });

  const completes = ({ id }: Job) =>
    until(async () => (await jobRow(app, id)).status === 'completed', 'the run', PATIENCE_MS);

  it('recovers without a restart, also when the next known job is far in the future', async () => {
    await completes(await startScripted(app, async () => undefined));
    const jobs = app.api.get(JobsService);
    const availableAt = new Date(Date.now() + 600_000);
    await app.db.transaction((tx) =>
      jobs.enqueue(
        scripted,
        script(async () => undefined),
        { availableAt },
        tx,
      ),
    );
    await completes(await startScripted(app, async () => undefined));

    const silenced = proxy.silence();
    const silentAt = Date.now();
    const job = await startScripted(app, async () => undefined);

    await completes(job);
    const took = Date.now() - silentAt;
    const waiting = await app.db.query(`SELECT FROM jobs WHERE status = 'queued'`);
    expect(waiting).toHaveLength(1);
    recordOutcome({
      area: 'Postgres',
      fault: 'a partition that closes nothing, of every connection of a worker',
      backend: 'postgres',
      promise: `recovers ≤ 60 s, no restart (limit of a statement: ${(12 * STATEMENT_TIMEOUT_MS) / 1_000} s)`,
      operations: `${silenced} connections, a job`,
      lost: 0,
      doubled: 0,
      measured: `a job started then was done after ${seconds(took)}`,
    });
  }, 90_000);
});
