import { Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { JobChanges } from './job-changes.service.ts';
import { hasConcurrencyKeys, type JobDefinition } from './job-definition.ts';
import { JobRun } from './job-run.ts';
import { JobSlots } from './job-slots.service.ts';
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
    private readonly slots: JobSlots,
  ) {}

  /**
   * Claims a queued job, or an active one whose worker has stopped its heartbeats: that counts as a stall and not as an
   * attempt. Null if there is nothing to do: the job has finished, was deleted, another worker runs it, its queue is
   * paused, or it waits for a slot of its concurrency key. Safe to repeat with the same lease after a lost response.
   */
  async claim(id: string, lease: string, definition: JobDefinition): Promise<Claim | null> {
    const claimRow = (tx: EntityManager) => this.claimRow(id, lease, tx);
    const claim = hasConcurrencyKeys(definition)
      ? await this.slots.claim(id, definition, claimRow)
      : await claimRow(this.db.manager);
    if (claim) this.changes.publish(claim.job);
    return claim;
  }

  private async claimRow(id: string, lease: string, tx: EntityManager): Promise<Claim | null> {
    const [rows] = await tx.query<[{ id: string }[], number]>(
      `UPDATE jobs SET
         stalls = stalls + (status = 'active' AND lease IS DISTINCT FROM $2)::int,
         attempts = attempts + (status = 'queued')::int,
         status = 'active', slot = NULL, lease = $2, heartbeat_at = now(), started_at = coalesce(started_at, now())
       WHERE id = $1
         AND (status = 'queued'
           OR (status = 'active' AND (lease = $2 OR heartbeat_at < now() - make_interval(secs => $3))))
         AND NOT EXISTS (SELECT FROM paused_queues WHERE paused_queues.type = jobs.type)
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
