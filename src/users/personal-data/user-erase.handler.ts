import type { z } from 'zod';
import { type JobContext, RescheduleJob, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import { userErase } from '../users.jobs.ts';

/**
 * Removes the remaining data of a deleted account. Its audit events stay. They contain IP addresses and user agents,
 * but no email.
 */
@JobHandler(userErase)
export class UserEraseHandler implements JobRunner<z.output<typeof userErase.input>> {
  async run({ userId }: z.output<typeof userErase.input>, ctx: JobContext): Promise<void> {
    // An administrator can promote the job early, while an access token of the account is still valid.
    if (ctx.job.availableAt.getTime() > Date.now()) throw new RescheduleJob(ctx.job.availableAt, false);
    await ctx.complete({}, async (tx) => {
      const files = await tx.query<{ id: string }[]>(
        `SELECT unnest(ARRAY[input_file_id, result_file_id]) AS id FROM jobs WHERE user_id = $1`,
        [userId],
      );
      // The delete cascades to sessions, identities, mails, jobs and tokens.
      await tx.query('DELETE FROM users WHERE id = $1 AND deleted_at IS NOT NULL', [userId]);
      await tx.query('DELETE FROM job_files WHERE id = ANY($1)', [files.map(({ id }) => id).filter(Boolean)]);
    });
  }
}
