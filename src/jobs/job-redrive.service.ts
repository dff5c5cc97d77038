import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { violatedUniqueConstraint } from '../platform/database/postgres-errors.ts';
import { ValidationFailedError } from '../platform/errors/platform.errors.ts';
import { platformTexts } from '../platform/i18n/platform.texts.ts';
import { translate } from '../platform/logging/request-context.ts';
import { JobTypes } from './job-definition.ts';
import { INITIAL_JOB_STATE, Job } from './job.entity.ts';
import { jobsRedriven } from './jobs.audit.ts';
import type { RedriveJobs } from './jobs.schemas.ts';

/** Jobs per request: one statement writes them well within its time limit. */
const BATCH = 5_000;
const ATTEMPTS_MAX = 5;

/** Retries all failed jobs of a type, after their cause was fixed. */
@Injectable()
export class JobRedriveService {
  constructor(
    private readonly db: DataSource,
    private readonly audit: AuditService,
    private readonly types: JobTypes,
  ) {}

  /**
   * Leaves the dispatch to the sweep, which finds the jobs within seconds and dispatches them in batches. Thousands at once
   * would overload the queue and this process.
   */
  redrive(filter: RedriveJobs): Promise<{ redriven: number; hasMore: boolean }> {
    if (!this.types.find(filter.type)) {
      const message = translate(platformTexts).expectedOneOf(this.types.keys().toSorted());
      throw new ValidationFailedError({ details: [{ path: 'type', code: 'INVALID_VALUE', message }] });
    }
    return retryOnTakenKey(() => this.redriveBatch(filter));
  }

  private redriveBatch(filter: RedriveJobs): Promise<{ redriven: number; hasMore: boolean }> {
    return this.db.transaction(async (tx) => {
      const redriven = await resetFailedJobs(filter, tx);
      if (redriven > 0) {
        const { from, to, ...rest } = filter;
        const data = { ...rest, redriven, from: from?.toISOString(), to: to?.toISOString() };
        await this.audit.record({ type: jobsRedriven, userId: null, data }, tx);
      }
      return { redriven, hasMore: redriven === BATCH };
    });
  }
}

/** A job with the unique key of a failed one may start during the statement. The next attempt sees it. */
async function retryOnTakenKey<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!violatedUniqueConstraint(error) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** One statement, so that parallel redrives and retries reset a job only once. */
async function resetFailedJobs(
  { type, errorCode, from, to }: RedriveJobs,
  tx: EntityManager,
): Promise<number> {
  const failed = tx
    .createQueryBuilder(Job, 'failed')
    .select('failed.id')
    .where({ type, status: 'failed', ...(errorCode && { errorCode }) })
    .orderBy('failed.createdAt')
    .limit(BATCH)
    .setLock('pessimistic_write')
    .setOnLocked('skip_locked');
  // Resets only the newest of the failed jobs with one unique key, and none if an unfinished job has the key.
  failed.andWhere(
    `(failed.unique_key IS NULL OR NOT EXISTS (
       SELECT FROM jobs other WHERE other.type = failed.type AND other.unique_key = failed.unique_key
         AND (other.status IN ('queued', 'active') OR (other.status = 'failed' AND other.id > failed.id))))`,
  );
  if (from) failed.andWhere('failed.finishedAt >= :from', { from });
  if (to) failed.andWhere('failed.finishedAt <= :to', { to });
  const { affected } = await tx
    .createQueryBuilder()
    .update(Job)
    .set({ ...INITIAL_JOB_STATE, availableAt: () => 'now()' })
    .where(`id IN (${failed.getQuery()})`, failed.getParameters())
    .execute();
  return affected ?? 0;
}
