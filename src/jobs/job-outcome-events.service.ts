import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { type EndedJob, JobListeners } from './job-listeners.service.ts';
import { Job } from './job.entity.ts';
import { jobCompleted, jobFailed } from './jobs.events.ts';
import { jobView } from './jobs.schemas.ts';

/** Emits `job.completed` and `job.failed` in the transaction that finishes the job. */
@Injectable()
export class JobOutcomeEvents implements OnModuleInit {
  constructor(
    private readonly listeners: JobListeners,
    private readonly events: DomainEvents,
  ) {}

  onModuleInit(): void {
    this.listeners.onEnded((job, tx) => this.emit(job, tx));
  }

  /** System jobs have no owner to inform. Cancelled jobs emit no event. */
  private async emit({ id, userId, status }: EndedJob, tx: EntityManager): Promise<void> {
    if (!userId || status === 'cancelled') return;
    const data = jobView(await tx.findOneByOrFail(Job, { id }));
    await this.events.emit(status === 'completed' ? jobCompleted : jobFailed, { userId, data }, tx);
  }
}
