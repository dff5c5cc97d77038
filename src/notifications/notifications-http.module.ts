import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import { NotificationsController } from './notifications.controller.ts';
import { NotificationsModule } from './notifications.module.ts';
import { NotificationsResolver } from './notifications.resolver.ts';

@Module({
  imports: [NotificationsModule, JobsModule],
  controllers: [NotificationsController],
  providers: [NotificationStreamService, NotificationsResolver],
})
export class NotificationsHttpModule {}
