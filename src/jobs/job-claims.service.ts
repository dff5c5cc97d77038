import { Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import type { JobDefinition } from './job-definition.ts';
import { JobListeners } from './job-listeners.service.ts';
import { JobRun } from './job-run.ts';
import { Job } from './job.entity.ts';

export interface Claim {
  job: Job;
  /** What the run must hold to write. */
  lease: string;
}

/** Gives jobs to the runs of this worker. */
@Injectable()
export class JobClaims {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
    private readonly listeners: JobListeners,
  ) {}

  /**
   * Takes the job for one run. A row that is active belongs to a live worker while its heart beats; one whose heart has
   * stopped is taken over, which counts as a loss and not as an attempt. Null where there is nothing to be done:
   * finished, cancelled, deleted, or in the hands of a worker that lives. Asked again with the same lease, after an
   * answer that never came, it gives the same.
   */
  async claim(id: string, lease: string): Promise<Claim | null> {
    const [rows] = await this.db.query<[{ id: string }[], number]>(
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
    const job = await this.db.getRepository(Job).findOneByOrFail({ id });
    this.listeners.publishChange(job);
    return { job, lease };
  }

  startRun({ job, lease }: Claim, { timeoutSeconds }: JobDefinition, logger: Logger): JobRun {
    const heartbeatMs = (this.config.JOB_LEASE_SECONDS * 1_000) / 5;
    const timeoutMs = timeoutSeconds * 1_000;
    return new JobRun(this.db, job, logger, this.listeners, { lease, heartbeatMs, timeoutMs });
  }
}
