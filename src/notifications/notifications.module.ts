import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventStreamsModule } from '../platform/http/event-streams.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { Notification } from './notification.entity.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import { type NotificationType, NotificationTypes } from './notification-types.ts';
import { NotificationsController } from './notifications.controller.ts';
import { NotificationsService } from './notifications.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Notification]), EventStreamsModule],
  controllers: [NotificationsController],
  providers: [NotificationsService, NotificationTypes, NotificationStreamService],
  exports: [NotificationsService, NotificationTypes],
})
export class NotificationsModule {
  /** For a feature that sends notifications of these types. */
  static forFeature(types: NotificationType[]): DynamicModule {
    return registerIn(NotificationsFeatureModule, NotificationTypes, types);
  }
}

@Module({ imports: [NotificationsModule], exports: [NotificationsModule] })
class NotificationsFeatureModule {}
