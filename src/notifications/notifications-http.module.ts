import { Module } from '@nestjs/common';
import { EventStreamsModule } from '../platform/http/event-streams.module.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import { NotificationsController } from './notifications.controller.ts';
import { NotificationsModule } from './notifications.module.ts';

@Module({
  imports: [EventStreamsModule, NotificationsModule],
  controllers: [NotificationsController],
  providers: [NotificationStreamService],
})
export class NotificationsHttpModule {}
