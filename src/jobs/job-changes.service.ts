import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import type { Job } from './job.entity.ts';
import { jobCancelled, jobCompleted, jobFailed } from './jobs.events.ts';
import { jobView } from './jobs.schemas.ts';

const EVENTS = { completed: jobCompleted, failed: jobFailed, cancelled: jobCancelled } as const;

/** The bus channel that wakes the event streams of a job. */
export const jobChannelOf = (id: string): string => `job:${id}`;

/** The context of a run, for its logs and the work that it starts: that of the request that started the job. */
export const jobContext = ({ id, correlationId, traceparent }: Job) => ({
  correlationId,
  jobId: id,
  ...(traceparent && { traceparent }),
});

/** Publishes the changes of jobs: domain events when jobs end, and hints for open event streams. */
@Injectable()
export class JobChanges {
  constructor(
    private readonly events: DomainEvents,
    private readonly bus: MessageBus,
  ) {}

  /** Emits an event for each job. Call it in the transaction that ends them. The events of system jobs have no user. */
  async emitEnds(jobs: Job[], tx: EntityManager): Promise<void> {
    for (const status of ['completed', 'failed', 'cancelled'] as const) {
      const ended = jobs.filter((job) => job.status === status);
      const occurrences = ended.map((job) => ({ userId: job.userId, data: jobView(job) }));
      await this.events.emitAll(EVENTS[status], occurrences, tx);
    }
  }

  /** Call it after the commit. No client watches system jobs. */
  publish({ id, userId }: Pick<Job, 'id' | 'userId'>): void {
    if (userId) this.bus.publish(jobChannelOf(id));
  }

  publishAfterCommit(tx: EntityManager, jobs: Pick<Job, 'id' | 'userId'>[]): void {
    for (const { id, userId } of jobs) if (userId) this.bus.publishAfterCommit(tx, jobChannelOf(id));
  }
}
