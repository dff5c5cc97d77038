import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { jobCompleted, jobFailed } from '../jobs/jobs.events.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import type { NotificationType } from './notification-types.ts';
import { NotificationsModule } from './notifications.module.ts';
import { NotificationsService } from './notifications.service.ts';

export const jobCompletedType = {
  name: 'job-completed',
  data: z.object({ jobId: z.string(), jobType: z.string() }),
} satisfies NotificationType;

export const jobFailedType = {
  name: 'job-failed',
  data: jobCompletedType.data.extend({ errorCode: z.string().optional() }),
} satisfies NotificationType;

/** Notifies the user who started a job when it completes or fails. System jobs have no user. */
@Injectable()
export class JobNotifications implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly notifications: NotificationsService,
  ) {}

  onModuleInit(): void {
    this.events.on(jobCompleted, async ({ userId, data: { id: jobId, type: jobType } }, tx) => {
      if (!userId) return;
      const text = { title: 'Job completed', body: `The job “${jobType}” has completed.` };
      await this.notifications.notify(jobCompletedType, { userId, ...text, data: { jobId, jobType } }, tx);
    });
    this.events.on(jobFailed, async ({ userId, data: { id: jobId, type: jobType, error } }, tx) => {
      if (!userId) return;
      const text = { title: 'Job failed', body: `The job “${jobType}” has failed: ${error?.message ?? ''}` };
      const data = { jobId, jobType, errorCode: error?.code };
      await this.notifications.notify(jobFailedType, { userId, ...text, data }, tx);
    });
  }
}

@Module({
  imports: [NotificationsModule.forFeature([jobCompletedType, jobFailedType])],
  providers: [JobNotifications],
})
export class JobNotificationsModule {}
