import type { z } from 'zod';
import { type JobContext, RescheduleJob, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import { PersonalData } from '../../platform/personal-data/personal-data.module.ts';
import { userErase } from '../users.jobs.ts';

/**
 * Removes the remaining data of a deleted account, as the features declare with `PersonalDataModule.forFeature`.
 */
@JobHandler(userErase)
export class UserEraseHandler implements JobRunner<z.output<typeof userErase.input>> {
  constructor(private readonly personalData: PersonalData) {}

  async run({ userId }: z.output<typeof userErase.input>, ctx: JobContext): Promise<void> {
    // An administrator can promote the job early, while an access token of the account is still valid.
    if (ctx.job.availableAt.getTime() > Date.now()) throw new RescheduleJob(ctx.job.availableAt, false);
    await ctx.complete({}, async (tx) => {
      // The user's row first: see docs/decisions/0033-lock-order-and-retries.md.
      const deleted = await tx.query<unknown[]>(
        'SELECT FROM users WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE',
        [userId],
      );
      if (deleted.length === 0) return;
      for (const { erased } of this.personalData.all()) {
        if (typeof erased === 'object' && 'sql' in erased) await tx.query(erased.sql, [userId]);
      }
      // Foreign keys delete the rows of the other tables.
      await tx.query('DELETE FROM users WHERE id = $1', [userId]);
    });
  }
}
