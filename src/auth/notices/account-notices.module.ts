import { Module } from '@nestjs/common';
import { MailModule } from '../../mail/mail.module.ts';
import { NotificationsModule } from '../../notifications/notifications.module.ts';
import { AccountNoticesService } from './account-notices.service.ts';

@Module({
  imports: [MailModule, NotificationsModule],
  providers: [AccountNoticesService],
  exports: [AccountNoticesService],
})
export class AccountNoticesModule {}
