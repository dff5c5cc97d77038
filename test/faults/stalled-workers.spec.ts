import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/processes.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { untilJob } from '../factories/job.factory.ts';
import { type Backend, TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import { door, script, scripted, scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { recordOutcome, seconds } from './outcomes.ts';

/** One minute without a poll, plus time for the health check to notice. */
const NOTICED_MS = 90_000;
/** The setting of the workers that should exit. */
const STALL_EXIT_SECONDS = 10;
/** Longer than the longest blocking poll, and much shorter than the stall threshold. */
const LONGEST_MS = 20_000;

/** Resolves to the health of a worker while its queue is blocked, and to its work afterwards. */
async function healthOfHeldWorker(backend: Backend) {
  const system = await System.start({ backend });
  try {
    await system.startApi();
    const port = await freePort();
    await system.startWorker({ METRICS_PORT: String(port) });
    const ask = (name: string) => fetch(`http://127.0.0.1:${port}/health/${name}`);
    const statuses = async () => (await Promise.all(['live', 'ready'].map(ask))).map(({ status }) => status);
    const isWell = async () => (await statuses()).every((status) => status === 200);
    await until(isWell, `the worker on ${backend} to be ready`);
    const release = await holdQueue(system);
    const heldAt = Date.now();
    const isStalled = async () => (await statuses())[0] !== 200;
    // A queue that stays blocked would keep the system from stopping.
    await until(isStalled, `the worker on ${backend} to be found stalled`, NOTICED_MS).catch(
      async (error) => {
        await release();
        throw error;
      },
    );
    const noticedMs = Date.now() - heldAt;
    const during = await statuses();
    const live = (await (await ask('live')).json()) as { status: string };
    await release();
    await until(isWell, `the worker on ${backend} to recover`, 60_000);
    const { status } = await system.untilStatus(await system.startExport(), 'completed');
    return { during, live, noticedMs, status };
  } finally {
    await system.stop();
  }
}

/** Resolves to the exit of a worker whose queue is blocked, and to what it does after its next start. */
async function exitOfHeldWorker(backend: Backend) {
  const system = await System.start({
    backend,
    settings: { WORKER_STALL_EXIT_SECONDS: String(STALL_EXIT_SECONDS) },
  });
  try {
    await system.startApi();
    const worker = await system.startWorker();
    const release = await holdQueue(system);
    const heldAt = Date.now();
    const timeout = setTimeout(() => worker.process.kill('SIGKILL'), 2 * NOTICED_MS);
    const exit = await worker.exited;
    clearTimeout(timeout);
    const exitMs = Date.now() - heldAt;
    await release();
    await system.startWorker();
    const { status } = await system.untilStatus(await system.startExport(), 'completed');
    return { exit, exitMs, status, last: worker.lines().at(-1) };
  } finally {
    await system.stop();
  }
}

/** Resolves to the work of a worker whose Redis is down for longer than a stalled worker may run. */
async function workAfterOutage() {
  const system = await System.start({
    backend: 'redis',
    settings: { WORKER_STALL_EXIT_SECONDS: String(STALL_EXIT_SECONDS) },
  });
  try {
    await system.startApi();
    await system.startWorker();
    await system.redis?.kill();
    await sleep(NOTICED_MS);
    const duringOutage = system.running();
    await system.restartRedis();
    const { status } = await system.untilStatus(await system.startExport(), 'completed');
    return { duringOutage, status };
  } finally {
    await system.stop();
  }
}

/** Blocks all polls, while dependency checks succeed. Resolves to a function that unblocks them. */
async function holdQueue(system: System): Promise<() => Promise<unknown>> {
  if (system.redis) {
    const redis = new Redis(system.redis.url);
    // Readiness writes with SET, which stays allowed.
    await redis.call('ACL', 'SETUSER', 'default', '-eval', '-evalsha');
    return () => redis.call('ACL', 'SETUSER', 'default', '+@all').finally(() => redis.disconnect());
  }
  const client = await system.db.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE bullmq.job IN ACCESS EXCLUSIVE MODE');
  return () => client.query('ROLLBACK').finally(() => client.release());
}

describe('a worker that does not poll although its dependencies are up', () => {
  it('is unhealthy until it polls again', async () => {
    const found = await Promise.all(backends.map(healthOfHeldWorker));

    for (const [index, { during, live, noticedMs, status }] of found.entries()) {
      expect([during, status]).toEqual([[503, 503], 'completed']);
      expect(live.status).toBe('stalled');
      expect(noticedMs).toBeGreaterThan(50_000);
      recordOutcome({
        area: 'Workers',
        fault: 'asks for no work any more, though its dependencies answer',
        backend: backends[index],
        promise: 'unhealthy ≤ 90 s, healthy once it polls again',
        operations: 'an export',
        lost: 0,
        doubled: 0,
        measured: `noticed after ${seconds(noticedMs)}`,
      });
    }
  }, 240_000);
});

describe('the bound of a stall', () => {
  it('ends no worker during an outage', async () => {
    expect(await workAfterOutage()).toEqual({ duringOutage: [true, true], status: 'completed' });
  }, 240_000);

  it('ends a worker that stays stalled', async () => {
    const held = await Promise.all(backends.map(exitOfHeldWorker));

    for (const [index, { exit, exitMs, status, last }] of held.entries()) {
      expect([exit, status]).toEqual([{ code: 1, signal: null }, 'completed']);
      expect(exitMs).toBeGreaterThan(50_000 + STALL_EXIT_SECONDS * 1_000);
      expect(last).toMatchObject({ level: 'fatal', msg: 'Worker stalled for too long: exiting' });
      recordOutcome({
        area: 'Workers',
        fault: 'stays stalled, though its dependencies answer',
        backend: backends[index],
        promise: `exits after WORKER_STALL_EXIT_SECONDS (here ${STALL_EXIT_SECONDS} s); not during an outage`,
        operations: 'an export',
        lost: 0,
        doubled: 0,
        measured: `exited after ${seconds(exitMs)}`,
      });
    }
  }, 300_000);
});

describe.each(backends)('a worker on %s that is well', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true, handlers: scriptedHandlers });
  });

  afterAll(() => app.stop());

  it('stays healthy while idle, with a job far in the future, and at full concurrency', async () => {
    const later = { availableAt: new Date(Date.now() + 600_000) };
    await app.db.transaction((tx) =>
      app.api.get(JobsService).enqueue(
        scripted,
        script(async () => undefined),
        later,
        tx,
      ),
    );
    const { opened, open } = door();
    const busy = await Promise.all(times(scripted.concurrency, () => startScripted(app, () => opened)));
    await Promise.all(busy.map(({ id }) => untilJob(app, id, 'active')));
    const queues = app.workers[0]!.get(QueueBackend);
    const startedAt = Date.now();
    const stalled = new Set<string>();

    await until(
      () => {
        queues.stalledWorkers(LONGEST_MS).forEach((name) => stalled.add(name));
        return Date.now() - startedAt > 1.5 * LONGEST_MS;
      },
      'some time to pass',
      2 * LONGEST_MS,
    );
    open();

    expect([...stalled]).toEqual([]);
    await Promise.all(busy.map(({ id }) => untilJob(app, id, 'completed')));
  }, 90_000);
});
