import type { z } from 'zod';
import { type JobContext, RescheduleJob, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import { userErase } from './user-erase.job.ts';

/**
 * Removes what is left of a deleted account. Its audit events stay, since they must be there to be read: they hold no mail
 * address, but the IP addresses and browsers it was used from.
 */
@JobHandler(userErase)
export class UserEraseHandler implements JobRunner<z.output<typeof userErase.input>> {
  async run({ userId }: z.output<typeof userErase.input>, ctx: JobContext): Promise<void> {
    // The dashboard can promote it in the queue; until then an access token of the account may live.
    if (ctx.job.availableAt.getTime() > Date.now()) throw new RescheduleJob(ctx.job.availableAt, false);
    await ctx.complete({}, async (tx) => {
      const files = await tx.query<{ id: string }[]>(
        `SELECT unnest(ARRAY[input_file_id, result_file_id]) AS id FROM jobs WHERE user_id = $1`,
        [userId],
      );
      // Sessions, identities, mails, jobs and tokens go with the row.
      await tx.query('DELETE FROM users WHERE id = $1 AND deleted_at IS NOT NULL', [userId]);
      await tx.query('DELETE FROM job_files WHERE id = ANY($1)', [files.map(({ id }) => id).filter(Boolean)]);
    });
  }
}
