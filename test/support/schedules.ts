import type { INestApplicationContext } from '@nestjs/common';
import type { Job } from '../../src/jobs/job.entity.ts';
import { defineSchedule } from '../../src/schedules/schedule-definition.ts';
import { ScheduleRunner } from '../../src/schedules/schedule-runner.service.ts';
import type { TestApp } from './app.ts';
import { completeWithMark, script, scripted } from './scripted-jobs.ts';

/** The common fields of the tests' schedules. */
export const recurring = { job: scripted, input: script(completeWithMark), timezone: 'Europe/Berlin' };
export const nightly = defineSchedule({ ...recurring, name: 'test-nightly', cron: '30 2 * * *' });
export const timely = defineSchedule({
  ...recurring,
  name: 'test-timely',
  cron: '0 12 * * *',
  missed: 'skip',
});

/** As if every run at or before the time had started, and no other schedule existed. */
export async function setHandled(app: TestApp, name: string, handledUntil: string): Promise<void> {
  await app.db.query(`UPDATE schedules SET handled_until = 'infinity' WHERE name <> $1`, [name]);
  await app.db.query(`UPDATE schedules SET handled_until = $2 WHERE name = $1`, [name, handledUntil]);
}

export const stateOf = async (app: TestApp, name: string) =>
  (await app.db.query(`SELECT * FROM schedules WHERE name = $1`, [name]))[0];

export const jobsOf = (app: TestApp): Promise<Job[]> =>
  app.db.query(`SELECT * FROM jobs WHERE type LIKE 'test-%'`);

export const tickAt = (workers: INestApplicationContext[], time: string) =>
  Promise.all(workers.map((worker) => worker.get(ScheduleRunner).startDueJobs(new Date(time))));

/** Waits for the first run at startup. Afterwards only the test starts runs. */
export const stopTimers = (workers: INestApplicationContext[]) =>
  Promise.all(workers.map((worker) => worker.get(ScheduleRunner).onModuleDestroy()));
