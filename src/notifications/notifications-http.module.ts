import { Module } from '@nestjs/common';
import { NotificationStreamService } from './notification-stream.service.ts';
import { NotificationsController } from './notifications.controller.ts';
import { NotificationsModule } from './notifications.module.ts';

@Module({
  imports: [NotificationsModule],
  controllers: [NotificationsController],
  providers: [NotificationStreamService],
})
export class NotificationsHttpModule {}
