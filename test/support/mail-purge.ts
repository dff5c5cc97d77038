import { z } from 'zod';
import { defineJob } from '../../src/jobs/job-definition.ts';
import { type JobContext, JobHandler, type JobRunner } from '../../src/jobs/job-handler.ts';
import { defineSchedule } from '../../src/schedules/schedule-definition.ts';

// The code of docs/guides/add-a-job-type.md and add-a-schedule.md. A test compares them.

export const mailPurge = defineJob({
  type: 'mail-purge',
  input: z.strictObject({ olderThanDays: z.int().min(1) }),
  attempts: 3,
  timeoutSeconds: 300,
  concurrency: 1,
});

type Input = z.output<typeof mailPurge.input>;

/** Deletes emails that were sent long ago. */
@JobHandler(mailPurge)
export class MailPurgeHandler implements JobRunner<Input> {
  async run({ olderThanDays }: Input, ctx: JobContext): Promise<object> {
    const [, deleted] = await ctx.transaction((tx) =>
      tx.query<[unknown, number]>(`DELETE FROM mails WHERE sent_at < now() - make_interval(days => $1)`, [
        olderThanDays,
      ]),
    );
    return { deleted };
  }
}

export const nightlyMailPurge = defineSchedule({
  name: 'nightly-mail-purge',
  cron: '30 2 * * *',
  timezone: 'Europe/Berlin',
  job: mailPurge,
  input: { olderThanDays: 30 },
});
