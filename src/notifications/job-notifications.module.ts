import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { type EndedJob, JobListeners } from '../jobs/job-listeners.service.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import type { NotificationType } from './notification-types.ts';
import { NotificationsModule } from './notifications.module.ts';
import { NotificationsService } from './notifications.service.ts';

export const jobCompleted = {
  name: 'job-completed',
  data: z.object({ jobId: z.string(), jobType: z.string() }),
} satisfies NotificationType;

export const jobFailed = {
  name: 'job-failed',
  data: jobCompleted.data.extend({ errorCode: z.string().optional() }),
} satisfies NotificationType;

/** Notifies the user who started a job when it completes or fails. */
@Injectable()
export class JobNotifications implements OnModuleInit {
  constructor(
    private readonly listeners: JobListeners,
    private readonly notifications: NotificationsService,
  ) {}

  onModuleInit(): void {
    this.listeners.onEnded((job, tx) => this.notifyOwner(job, tx));
  }

  private async notifyOwner({ id, type, userId, status, error }: EndedJob, tx: EntityManager): Promise<void> {
    // System jobs have no owner. A user who cancels a job needs no notification of it.
    if (!userId || status === 'cancelled') return;
    const data = { jobId: id, jobType: type };
    if (status === 'completed') {
      const text = { title: 'Job completed', body: `The job “${type}” has completed.` };
      await this.notifications.notify(jobCompleted, { userId, ...text, data }, tx);
    } else {
      const text = { title: 'Job failed', body: `The job “${type}” has failed: ${error?.message ?? ''}` };
      await this.notifications.notify(
        jobFailed,
        { userId, ...text, data: { ...data, errorCode: error?.code } },
        tx,
      );
    }
  }
}

@Module({
  imports: [JobsModule, NotificationsModule.forFeature([jobCompleted, jobFailed])],
  providers: [JobNotifications],
})
export class JobNotificationsModule {}
