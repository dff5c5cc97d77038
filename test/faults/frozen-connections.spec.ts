import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Job } from '../../src/jobs/job.entity.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { jobRow } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import { script, scripted, scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** What the longest wait for news and the check of a silent connection may take together. */
const PATIENCE_MS = 60_000;

describe.each(backends)('a worker on %s whose connections freeze without a word', (backend) => {
  let proxy: TcpProxy;
  let app: TestApp;

  beforeAll(async () => {
    proxy = await TcpProxy.start();
    app = await TestApp.start({ backend, handlers: scriptedHandlers });
    const setting = backend === 'redis' ? 'REDIS_URL' : 'DATABASE_DIRECT_URL';
    const queue = proxy.to(backend === 'redis' ? String(app.config.REDIS_URL) : app.config.DATABASE_URL);
    await app.startWorker({ [setting]: queue });
  });

  afterAll(async () => {
    proxy.breakConnections();
    await app.stop();
    await proxy.stop();
  });

  const completes = ({ id }: Job) =>
    until(async () => (await jobRow(app, id)).status === 'completed', 'the run', PATIENCE_MS);

  it('goes on by itself, also where the next job that it knows of is far off', async () => {
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

    proxy.silence();
    const job = await startScripted(app, async () => undefined);

    await completes(job);
    const waiting = await app.db.query(`SELECT FROM jobs WHERE status = 'queued'`);
    expect(waiting).toHaveLength(1);
  }, 90_000);
});
