import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { jobCompleted, jobFailed } from '../jobs/jobs.events.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { defineNotification } from './notification-types.ts';
import { NotificationsModule } from './notifications.module.ts';
import { NotificationsService } from './notifications.service.ts';
import { notificationsTexts } from './notifications.texts.ts';

const job = z.object({ jobId: z.string(), jobType: z.string() });

export const jobCompletedType = defineNotification({
  name: 'job-completed',
  summary: 'A job of the user has completed.',
  data: job,
  text: ({ jobType }, locale) => notificationsTexts[locale].jobCompleted(jobType),
});

export const jobFailedType = defineNotification({
  name: 'job-failed',
  summary: 'A job of the user has failed.',
  data: job.extend({ errorCode: z.string().optional(), errorMessage: z.string().optional() }),
  text: ({ jobType, errorMessage }, locale) => notificationsTexts[locale].jobFailed(jobType, errorMessage),
});

const MESSAGE_MAX = 1_000;

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
      await this.notifications.notify(jobCompletedType, { userId, data: { jobId, jobType } }, tx);
    });
    this.events.on(jobFailed, async ({ userId, data: { id: jobId, type: jobType, error } }, tx) => {
      if (!userId) return;
      const errorMessage = error?.message.slice(0, MESSAGE_MAX).toWellFormed();
      const data = { jobId, jobType, errorCode: error?.code, errorMessage };
      await this.notifications.notify(jobFailedType, { userId, data }, tx);
    });
  }
}

@Module({
  imports: [NotificationsModule.forFeature([jobCompletedType, jobFailedType])],
  providers: [JobNotifications],
})
export class JobNotificationsModule {}
