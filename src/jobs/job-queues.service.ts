import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { withTimeout } from '../platform/errors/with-timeout.ts';
import { HealthService } from '../platform/health/health.service.ts';
import { TOTAL_MAX } from '../platform/http/schemas.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';
import { JobTypes } from './job-definition.ts';
import { queuePaused, queueResumed } from './jobs.audit.ts';

/** A request doesn't wait longer for the queue. */
const APPLY_TIMEOUT_MS = 1_000;

interface JobQueue {
  type: string;
  pausedAt: Date | null;
  queued: number | null;
  active: number | null;
}

/**
 * Pauses and resumes the queues of job types. The table `paused_queues` decides: no claim takes a job of a type in it.
 * The pause of BullMQ only avoids claims that would fail. Each worker sets it again after the queue has lost its data.
 */
@Injectable()
export class JobQueuesService implements OnModuleInit {
  private readonly logger = new Logger('JobQueues');

  constructor(
    private readonly db: DataSource,
    private readonly types: JobTypes,
    private readonly queues: QueueBackend,
    private readonly audit: AuditService,
    private readonly health: HealthService,
  ) {}

  onModuleInit(): void {
    this.health.showPausedQueues(() => this.pausedTypes());
  }

  /** Counts only up to a limit, so that the cost of a long backlog is bounded. */
  list(types = this.types.keys()): Promise<JobQueue[]> {
    const countOf = (status: string) =>
      `(SELECT nullif(count(*), ${TOTAL_MAX} + 1)::int FROM (
         SELECT FROM jobs WHERE jobs.type = known.type AND status = '${status}' LIMIT ${TOTAL_MAX} + 1) AS counted) AS ${status}`;
    return this.db.query<JobQueue[]>(
      `SELECT known.type, paused_at AS "pausedAt", ${countOf('queued')}, ${countOf('active')}
       FROM unnest($1::text[]) AS known (type) LEFT JOIN paused_queues USING (type) ORDER BY known.type`,
      [types],
    );
  }

  /** Workers take no more jobs of the type. Running jobs continue, and new ones wait. */
  async pause(type: string): Promise<JobQueue> {
    this.assertKnown(type);
    await this.db.transaction(async (tx) => {
      const rows = await tx.query<unknown[]>(
        `INSERT INTO paused_queues (type) VALUES ($1) ON CONFLICT DO NOTHING RETURNING type`,
        [type],
      );
      if (rows.length > 0) await this.audit.record({ type: queuePaused, userId: null, data: { type } }, tx);
    });
    return this.apply(type);
  }

  async resume(type: string): Promise<JobQueue> {
    this.assertKnown(type);
    await this.db.transaction(async (tx) => {
      const [, resumed] = await tx.query<[unknown, number]>(`DELETE FROM paused_queues WHERE type = $1`, [
        type,
      ]);
      if (resumed > 0) await this.audit.record({ type: queueResumed, userId: null, data: { type } }, tx);
    });
    return this.apply(type);
  }

  async pausedTypes(): Promise<string[]> {
    const rows = await this.db.query<{ type: string }[]>(`SELECT type FROM paused_queues ORDER BY type`);
    return rows.map(({ type }) => type);
  }

  async isPaused(type: string): Promise<boolean> {
    return (await this.pausedTypes()).includes(type);
  }

  /** Repairs the pauses in the queue. Each worker calls it regularly. */
  async applyPauses(): Promise<void> {
    const paused = await this.pausedTypes();
    await Promise.all(this.types.keys().map((type) => this.setPaused(type, paused.includes(type))));
  }

  private assertKnown(type: string): void {
    if (!this.types.find(type)) throw new NotFoundError();
  }

  private async apply(type: string): Promise<JobQueue> {
    const [queue] = await this.list([type]);
    try {
      await withTimeout(this.setPaused(type, queue!.pausedAt !== null), APPLY_TIMEOUT_MS);
    } catch (error) {
      this.logger.warn({ msg: 'The queue does not respond; workers will apply the pause', type, err: error });
    }
    return queue!;
  }

  /** Reads the table again after the change: a request may have paused or resumed the queue in the meantime. */
  private async setPaused(type: string, isPaused: boolean): Promise<void> {
    const queue = this.queues.queue(type);
    if ((await queue.isPaused()) === isPaused) return;
    await (isPaused ? queue.pause() : queue.resume());
    const isStillPaused = await this.isPaused(type);
    if (isStillPaused !== isPaused) await this.setPaused(type, isStillPaused);
  }
}
