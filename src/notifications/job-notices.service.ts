import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type EndedJob, JobListeners } from '../jobs/job-listeners.service.ts';
import { NotificationsService } from './notifications.service.ts';

/** Tells whoever asked for a job how it ended. */
@Injectable()
export class JobNotices implements OnModuleInit {
  constructor(
    private readonly listeners: JobListeners,
    private readonly notifications: NotificationsService,
  ) {}

  onModuleInit(): void {
    this.listeners.onEnded((job, tx) => this.tell(job, tx));
  }

  private async tell({ id, type, userId, status, error }: EndedJob, tx: EntityManager): Promise<void> {
    // The system's own work is nobody's; who cancels a job knows that it has ended.
    if (!userId || status === 'cancelled') return;
    const data = { jobId: id, jobType: type };
    if (status === 'completed') {
      const body = `The job “${type}” is done.`;
      await this.notifications.notify(
        { userId, type: 'job-completed', title: 'Job completed', body, data },
        tx,
      );
    } else {
      const body = `The job “${type}” has failed: ${error?.message ?? ''}`;
      const withCode = { ...data, errorCode: error?.code };
      await this.notifications.notify(
        { userId, type: 'job-failed', title: 'Job failed', body, data: withCode },
        tx,
      );
    }
  }
}
