import { Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { columnsOf } from '../platform/database/many-rows.ts';
import { Batcher } from '../platform/process/batcher.ts';
import { JobChanges } from './job-changes.service.ts';
import { JobCompletions } from './job-completions.service.ts';
import { hasConcurrencyKeys, type JobDefinition } from './job-definition.ts';
import { JobCancelledError, JobRun, LeaseLostError } from './job-run.ts';
import { JobSlots } from './job-slots.service.ts';
import { Job } from './job.entity.ts';

export interface Claim {
  job: Job;
  /** The run can write only while the row has this lease. */
  lease: string;
}

interface Claimable {
  id: string;
  lease: string;
}

const BATCH_MAX = 100;

/** Claims jobs for this worker, and renews the leases of its runs. */
@Injectable()
export class JobClaims {
  private readonly batches: Batcher<Claimable, Claim | null>;
  private readonly columns: string;

  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
    private readonly changes: JobChanges,
    private readonly completions: JobCompletions,
    private readonly slots: JobSlots,
  ) {
    this.columns = columnsOf(Job, db.manager);
    this.batches = new Batcher((claimable) => this.claimRows(claimable, db.manager), BATCH_MAX);
  }

  /**
   * Claims a queued job, or an active one whose worker has stopped its heartbeats: that counts as a stall and not as an
   * attempt. Null if there is nothing to do: the job has finished, was deleted, another worker runs it, its queue is
   * paused, or it waits for a slot of its concurrency key. Safe to repeat with the same lease after a lost response.
   * Claims that are made at about the same time share one statement.
   */
  async claim(id: string, lease: string, definition: JobDefinition): Promise<Claim | null> {
    const claim = hasConcurrencyKeys(definition)
      ? await this.slots.claim(id, definition, async (tx) => (await this.claimRows([{ id, lease }], tx))[0]!)
      : await this.batches.call({ id, lease });
    if (claim) this.changes.publish(claim.job);
    return claim;
  }

  /** Locks the rows in the order of their ids, so that the claims of two workers can't deadlock. */
  private async claimRows(claimable: Claimable[], tx: EntityManager): Promise<(Claim | null)[]> {
    const [rows] = await tx.query<[Job[], number]>(
      `WITH claim AS (
         SELECT jobs.id, claim.lease FROM jobs JOIN unnest($1::uuid[], $2::uuid[]) AS claim (id, lease) USING (id)
         ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
       )
       UPDATE jobs SET
         stalls = stalls + (status = 'active' AND jobs.lease IS DISTINCT FROM claim.lease)::int,
         attempts = attempts + (status = 'queued')::int,
         status = 'active', slot = NULL, lease = claim.lease, heartbeat_at = now(),
         started_at = coalesce(started_at, now())
       FROM claim
       WHERE jobs.id = claim.id
         AND (status = 'queued'
           OR (status = 'active' AND (jobs.lease = claim.lease OR heartbeat_at < now() - make_interval(secs => $3))))
         AND NOT EXISTS (SELECT FROM paused_queues WHERE paused_queues.type = jobs.type)
       RETURNING ${this.columns}`,
      [claimable.map(({ id }) => id), claimable.map(({ lease }) => lease), this.config.JOB_LEASE_SECONDS / 2],
    );
    const claimed = new Map(rows.map((job) => [job.id, job]));
    return claimable.map(({ id, lease }) => {
      const job = claimed.get(id);
      return job?.lease === lease ? { job, lease } : null;
    });
  }

  startRun({ job, lease }: Claim, { timeoutSeconds }: JobDefinition, logger: Logger): JobRun {
    const timeoutMs = timeoutSeconds * 1_000;
    return new JobRun(this.db, job, logger, this.changes, this.completions, { lease, timeoutMs });
  }

  /**
   * Renews the leases of all runs of this worker, and stops those whose job was cancelled or taken over. Skips a row
   * that is locked, so that one run can't hold up the others. The row is locked by a transaction of its run, which also
   * renews the lease.
   */
  async renew(runs: JobRun[]): Promise<void> {
    if (runs.length === 0) return;
    const rows = await this.db.query<{ lease: string; isCancelled: boolean }[]>(
      `WITH unlocked AS (
         SELECT id FROM jobs JOIN unnest($1::uuid[], $2::uuid[]) AS run (id, lease) USING (id, lease)
         WHERE status = 'active' FOR NO KEY UPDATE OF jobs SKIP LOCKED
       ), renewed AS (
         UPDATE jobs SET heartbeat_at = now() FROM unlocked WHERE jobs.id = unlocked.id
       )
       SELECT lease, cancel_requested_at IS NOT NULL AS "isCancelled"
       FROM jobs JOIN unnest($1::uuid[], $2::uuid[]) AS run (id, lease) USING (id, lease) WHERE status = 'active'`,
      [runs.map(({ job }) => job.id), runs.map(({ lease }) => lease)],
    );
    const held = new Map(rows.map(({ lease, isCancelled }) => [lease, isCancelled]));
    for (const run of runs) {
      if (held.get(run.lease)) run.stop(new JobCancelledError());
      else if (!held.has(run.lease) && run.outcome === 'lost') run.stop(new LeaseLostError());
    }
  }
}
