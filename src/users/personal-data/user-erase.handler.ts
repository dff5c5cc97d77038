import { DataSource, IsNull, Not } from 'typeorm';
import type { z } from 'zod';
import { type JobContext, RescheduleJob, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import { PersonalData } from '../../platform/personal-data/personal-data.module.ts';
import { User } from '../user.entity.ts';
import { userErase } from '../users.jobs.ts';

const BATCH_ROWS = 500;

/**
 * Removes the remaining data of a deleted account, as the features declare with `PersonalDataModule.forFeature`. Tables
 * that grow are emptied in batches first: one cascade over many rows would hold its locks for too long.
 */
@JobHandler(userErase)
export class UserEraseHandler implements JobRunner<z.output<typeof userErase.input>> {
  constructor(
    private readonly db: DataSource,
    private readonly personalData: PersonalData,
  ) {}

  async run({ userId }: z.output<typeof userErase.input>, ctx: JobContext): Promise<void> {
    // An administrator can promote the job early, while an access token of the account is still valid.
    if (ctx.job.availableAt.getTime() > Date.now()) throw new RescheduleJob(ctx.job.availableAt, false);
    if (await this.db.manager.existsBy(User, { id: userId, deletedAt: Not(IsNull()) })) {
      for (const { erased } of this.personalData.all())
        if (typeof erased === 'object' && 'sql' in erased)
          await this.eraseInBatches(erased.sql, userId, ctx.signal);
    }
    // Foreign keys delete the rows of the other tables.
    await ctx.complete({}, async (tx) => {
      await tx.delete(User, { id: userId, deletedAt: Not(IsNull()) });
    });
  }

  /** One transaction per batch. A retry continues with the remaining rows. */
  private async eraseInBatches(sql: string, userId: string, signal: AbortSignal): Promise<void> {
    let deleted: number;
    do {
      signal.throwIfAborted();
      [, deleted] = await this.db.query<[unknown, number]>(sql, [userId, BATCH_ROWS]);
    } while (deleted > 0);
  }
}
