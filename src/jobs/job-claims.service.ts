import { Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { JobChanges } from './job-changes.service.ts';
import type { JobDefinition } from './job-definition.ts';
import { JobRun } from './job-run.ts';
import { Job } from './job.entity.ts';

export interface Claim {
  job: Job;
  /** The run can write only while the row has this lease. */
  lease: string;
}

/** Gives jobs to the runs of this worker. */
@Injectable()
export class JobClaims {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
    private readonly changes: JobChanges,
  ) {}

  /**
   * Claims a queued job, or an active one whose worker has stopped its heartbeats: that counts as a stall and not as an
   * attempt. Null if there is nothing to do: the job has finished, was deleted, or another worker runs it. `busy` if
   * another job of the same user runs, of a type that runs one job per user. Safe to repeat with the same lease after
   * a lost response.
   */
  async claim(id: string, lease: string, { onePerUser }: JobDefinition): Promise<Claim | 'busy' | null> {
    const claim = onePerUser
      ? await this.db.transaction(async (tx) =>
          (await isOwnerBusy(id, tx)) ? ('busy' as const) : this.claimRow(id, lease, tx),
        )
      : await this.claimRow(id, lease, this.db.manager);
    if (claim && claim !== 'busy') this.changes.publish(claim.job);
    return claim;
  }

  private async claimRow(id: string, lease: string, tx: EntityManager): Promise<Claim | null> {
    const [rows] = await tx.query<[{ id: string }[], number]>(
      `UPDATE jobs SET
         stalls = stalls + (status = 'active' AND lease IS DISTINCT FROM $2)::int,
         attempts = attempts + (status = 'queued')::int,
         status = 'active', lease = $2, heartbeat_at = now(), started_at = coalesce(started_at, now())
       WHERE id = $1
         AND (status = 'queued'
           OR (status = 'active' AND (lease = $2 OR heartbeat_at < now() - make_interval(secs => $3))))
       RETURNING id`,
      [id, lease, this.config.JOB_LEASE_SECONDS / 2],
    );
    if (rows.length === 0) return null;
    return { job: await tx.findOneByOrFail(Job, { id }), lease };
  }

  startRun({ job, lease }: Claim, { timeoutSeconds }: JobDefinition, logger: Logger): JobRun {
    const heartbeatMs = (this.config.JOB_LEASE_SECONDS * 1_000) / 5;
    const timeoutMs = timeoutSeconds * 1_000;
    return new JobRun(this.db, job, logger, this.changes, { lease, heartbeatMs, timeoutMs });
  }
}

/** Takes a lock, because two workers that claim jobs of one user would not see each other's claim. */
async function isOwnerBusy(id: string, tx: EntityManager): Promise<boolean> {
  await tx.query(
    `SELECT pg_advisory_xact_lock(hashtextextended('runs of ' || type || user_id, 0)) FROM jobs
     WHERE id = $1 AND user_id IS NOT NULL`,
    [id],
  );
  const running = await tx.query<unknown[]>(
    `SELECT 1 FROM jobs job JOIN jobs other ON other.user_id = job.user_id AND other.type = job.type
     WHERE job.id = $1 AND job.status = 'queued' AND other.status = 'active' LIMIT 1`,
    [id],
  );
  return running.length > 0;
}
