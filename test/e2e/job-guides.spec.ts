import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { ScheduleRunner } from '../../src/schedules/schedule-runner.service.ts';
import { SchedulesModule } from '../../src/schedules/schedules.module.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { mailPurge, MailPurgeHandler, nightlyMailPurge } from '../support/mail-purge.ts';
import { until } from '../support/until.ts';

const SOURCE = readFileSync(new URL('../support/mail-purge.ts', import.meta.url), 'utf8');

const withoutImports = (code: string) => code.replaceAll(/^import .*\n/gm, '').trim();

it.each([
  ['add-a-job-type.md', 0],
  ['add-a-job-type.md', 1],
  ['add-a-schedule.md', 0],
])('the code of the guide is the code that is tested here: %s, block %i', (guide, index) => {
  expect(SOURCE).toContain(withoutImports(codeBlocks(readGuide(guide), 'ts')[index]!));
});

describe('the job and the schedule of the guides', () => {
  let app: TestApp;

  beforeAll(async () => {
    const modules = [SchedulesModule.forFeature([nightlyMailPurge])];
    app = await TestApp.start({ worker: true, schedules: true, handlers: [MailPurgeHandler], modules });
  });

  afterAll(() => app.stop());

  const resultOf = async (id: string) => {
    const [job] = await until(async () => {
      const rows = await app.db.query(`SELECT result FROM jobs WHERE id = $1 AND status = 'completed'`, [id]);
      return rows.length > 0 ? rows : undefined;
    }, 'the purge');
    return job.result;
  };

  it('delete emails that were sent long ago', async () => {
    const { user } = await createUser(app);
    await app.db.query(
      `INSERT INTO mails (id, user_id, template, recipient, sent_at)
       VALUES ($1, $2, 'verify-email', 'a@example.com', now() - interval '9 days')`,
      [randomUUIDv7(), user.id],
    );

    const jobs = app.api.get(JobsService, { strict: false });
    const { id } = await app.db.transaction((tx) => jobs.enqueue(mailPurge, { olderThanDays: 7 }, {}, tx));

    expect(await resultOf(id)).toEqual({ deleted: 1 });
  });

  const stateOf = async (name: string) =>
    (await app.db.query(`SELECT last_job_id FROM schedules WHERE name = $1`, [name]))[0];

  it('run when their time has come', async () => {
    const runner = app.workers[0]!.get(ScheduleRunner);
    await until(() => stateOf(nightlyMailPurge.name), 'the definition');
    await app.db.query(`UPDATE schedules SET handled_until = now() - interval '2 days'`);

    await runner.startDueJobs();

    const id = await until(
      async () => (await stateOf(nightlyMailPurge.name))?.last_job_id as string | null,
      'the job',
    );
    expect(await resultOf(id)).toEqual({ deleted: 0 });
  });
});
