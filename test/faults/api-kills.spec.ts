import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { Program } from '../support/program.ts';
import { backends } from '../support/queue-data.ts';
import { SmtpServer } from '../support/smtp.ts';
import { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { MixedLoad } from './mixed-load.ts';
import { recordOutcome } from './outcomes.ts';
import { pauseQueue } from './queue-control.ts';
import { AS_ASKED } from './request-log.ts';

const KILLS = 10;

describe.each(backends)('the API, with the queue on %s,', (backend) => {
  let system: System;
  let smtp: SmtpServer;
  let api: Program;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    system = await System.start({ backend, settings: { SMTP_URL: smtp.url } });
    api = await system.startApi();
    await system.startWorker();
    await system.request('GET', '/v1/users/me');
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await smtp.down();
  });

  it('survives repeated kills: acknowledged requests take effect once, others at most once', async () => {
    const load = new MixedLoad(system, smtp, 40);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = load.registrations.accepted.length;
      await until(() => load.registrations.accepted.length > before, 'a registration');
      // Kill at a different moment each time.
      await pause(Math.random() * 300);
      await api.end('SIGKILL');
      api = await system.startApi();
    }
    await load.stop();

    const difference = await load.differences();
    const { none = 0 } = load.statuses();
    expect(difference).toEqual(AS_ASKED);
    expect(Object.keys(load.statuses()).filter((status) => Number(status) >= 300)).toEqual([]);
    expect(none).toBeGreaterThan(0);
    recordOutcome({
      area: 'API',
      fault: `kill −9 of the only API under load, ${KILLS} times`,
      backend,
      promise: '2xx response: once; no response: at most once',
      operations: `${load.asked} requests with an effect`,
      ...difference,
      measured: `${none} of ${load.answers.length} requests without an answer`,
    });
  }, 240_000);

  it('can be killed between the commit and the dispatch to the queue', async () => {
    const resume = await pauseQueue(system);
    const load = new MixedLoad(system, smtp, 40);
    await until(() => load.registrations.accepted.length >= 5, 'answers');
    await api.end('SIGKILL');
    await load.stop();
    const { rows } = await system.db.query(
      `SELECT 1 FROM jobs WHERE type = 'mail-send' AND status = 'queued'`,
    );
    await resume();

    const difference = await load.differences();
    api = await system.startApi();
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(difference).toEqual(AS_ASKED);
    recordOutcome({
      area: 'API',
      fault: 'kill −9 of the API after the commit, before the queue has the job',
      backend,
      promise: 'the sweep of a worker dispatches it, effect once',
      operations: `${load.asked} requests with an effect`,
      ...difference,
      measured: `${rows.length} jobs were in the jobs table only`,
    });
  }, 90_000);
});
