import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { deleteByColumn, PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { type NotificationType, NotificationTypes } from './notification-types.ts';
import { Notification } from './notification.entity.ts';
import { NotificationsService } from './notifications.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Notification]),
    PersonalDataModule.forFeature([
      {
        table: 'notifications',
        exported: {
          file: 'notifications',
          columns: `type, data, read_at, created_at`,
          where: `user_id = $1`,
        },
        erased: { sql: deleteByColumn('notifications', 'user_id') },
      },
    ]),
  ],
  providers: [NotificationsService, NotificationTypes],
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
