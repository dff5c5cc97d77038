import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { UnrecoverableJobError } from '../../src/jobs/job-handler.ts';
import { Metrics } from '../../src/platform/metrics/metrics.service.ts';
import { untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn, type SignedIn, visitor } from '../support/client.ts';
import { readGuide } from '../support/guide.ts';
import { createScripted, scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { until } from '../support/until.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ worker: true, handlers: scriptedHandlers });
  user = await signedIn(app);
});

afterAll(() => app.stop());

const scrape = (part: { get: TestApp['api']['get'] } = app.api): Promise<string> =>
  part.get(Metrics).registry.metrics();

const scrapeWorker = () => scrape(app.workers[0]);

/** A series without its value. */
const seriesOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));

const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
};

/** Sends requests with all texts that a client can choose. */
async function sendOwnTexts(): Promise<void> {
  const id = randomUUID();
  await user.get(`/v1/jobs/${id}?x=${id}`).set('user-agent', id).set('x-correlation-id', id);
  await user.get(`/${id}/${id}`);
  await visitor(app).signIn(`${id}@example.com`);
  await user.patch('/v1/users/me', { [id]: id });
  await setImmediate();
}

describe('the metrics of the API', () => {
  it('measure requests by the pattern of their route', async () => {
    await Promise.all([user.get(`/v1/jobs/${randomUUID()}`), user.get(`/v1/jobs/${randomUUID()}`)]);

    const series =
      'http_server_request_duration_seconds_count{method="GET",route="/v1/jobs/:id",status="404"}';
    const count = await until(async () => {
      const measured = valueOf(await scrape(), series) ?? 0;
      return measured > 1 && measured;
    }, 'both requests to be measured');
    expect(count).toBe(2);
  });

  it('count problems by their code', async () => {
    await visitor(app).signIn(user.user.email, 'a wrong password');

    expect(valueOf(await scrape(), 'http_problems_total{code="INVALID_CREDENTIALS"}')).toBeGreaterThan(0);
  });

  it('have no series for ids, paths or texts that a client chooses', async () => {
    await sendOwnTexts();
    const before = seriesOf(await scrape());
    await sendOwnTexts();

    expect(seriesOf(await scrape())).toEqual(before);
    expect(before.join('\n')).not.toMatch(/[0-9a-f]{8}-|@/);
  });

  it('are served without those that can’t be read', async () => {
    const metrics = app.api.get(Metrics);
    metrics.gauge({ name: 'broken', help: 'Fails.' }, () => Promise.reject(new Error('down')));
    metrics.gauge({ name: 'text', help: 'Is not a number.' }, () => [{ value: '1' as unknown as number }]);

    const text = await scrape();

    for (const name of ['broken', 'text']) expect(valueOf(text, name)).toBeUndefined();
    expect(valueOf(text, 'dependency_up{dependency="database"}')).toBe(1);
    for (const name of ['broken', 'text']) metrics.registry.removeSingleMetric(name);
  });

  it('are not on the public port', async () => {
    expect((await app.http().get('/metrics')).status).toBe(404);
  });
});

describe('the metrics of a worker', () => {
  it('count runs by job type and outcome', async () => {
    const completed = await startScripted(app, async () => undefined);
    const failed = await startScripted(app, async () => {
      throw new UnrecoverableJobError('BROKEN', 'Broken.');
    });
    await Promise.all([untilJob(app, completed.id, 'completed'), untilJob(app, failed.id, 'failed')]);

    const counted = await until(async () => {
      const lines = (await scrapeWorker()).split('\n');
      const runs = lines.filter((line) => line.startsWith('job_runs_total{type="test-scripted"'));
      return runs.length === 2 && runs.toSorted();
    }, 'both runs to be counted');
    expect(counted).toEqual([
      'job_runs_total{type="test-scripted",outcome="completed"} 1',
      'job_runs_total{type="test-scripted",outcome="failed"} 1',
    ]);
  });

  it('show how many jobs wait, and for how long', async () => {
    await app.db.query(`INSERT INTO paused_queues (type) VALUES ('test-short')`);
    const due = new Date(Date.now() - 3_600_000);
    await createScripted(app, async () => undefined, { type: 'test-short', availableAt: due });
    await createScripted(app, async () => undefined, {
      type: 'test-short',
      availableAt: new Date(Date.now() + 3_600_000),
    });

    const text = await until(async () => {
      const shown = await scrapeWorker();
      return shown.includes('jobs_waiting{type="test-short"} 1') && shown;
    }, 'the waiting job to be shown');
    expect(valueOf(text, 'jobs_oldest_waiting_seconds{type="test-short"}')).toBeGreaterThanOrEqual(3_600);
  });
});

it('serves the metrics of each process on its METRICS_PORT, and every one of them is in the guide', async () => {
  // In tests, processes don't open the port.
  const settings = { NODE_ENV: 'development' };
  const programs = await Promise.all([app.startAnother(settings), app.startAnotherWorker(settings)]);
  const texts = await Promise.all(
    programs.map(async ({ metricsUrl }) => {
      const answer = await fetch(`${metricsUrl}/metrics`);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      return answer.text();
    }),
  );

  const served = texts.flatMap((text) =>
    [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => String(name)),
  );
  const own = served.filter((name) => !/^(nodejs|process)_/.test(name));
  const documented = [...readGuide('monitor.md').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => String(name));
  expect([...new Set(own)].toSorted()).toEqual([...new Set(documented)].toSorted());
});
