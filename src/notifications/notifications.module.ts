import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { EventStreamsModule } from '../platform/http/event-streams.module.ts';
import { JobNotices } from './job-notices.service.ts';
import { Notification } from './notification.entity.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import { NotificationsController } from './notifications.controller.ts';
import { NotificationsService } from './notifications.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Notification]), JobsModule, EventStreamsModule],
  controllers: [NotificationsController],
  providers: [NotificationsService, NotificationStreamService, JobNotices],
  exports: [NotificationsService],
})
export class NotificationsModule {}
