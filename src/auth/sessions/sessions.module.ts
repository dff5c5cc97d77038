import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { MailModule } from '../../mail/mail.module.ts';
import { NotificationsModule } from '../../notifications/notifications.module.ts';
import { deleteByColumn, PersonalDataModule } from '../../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
import { securityAlertMails, SecurityAlertsService, securityAlertTypes } from './security-alerts.service.ts';
import { SessionRefreshService } from './session-refresh.service.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { Session } from './session.entity.ts';
import { SessionsService } from './sessions.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Session]),
    PersonalDataModule.forFeature([
      {
        table: 'sessions',
        exported: {
          file: 'sessions',
          columns: `id, user_agent, ip_address, created_at, last_used_at, expires_at, revoked_at, revoked_reason`,
          where: `user_id = $1`,
        },
        erased: { sql: deleteByColumn('sessions', 'user_id') },
      },
    ]),
    // One day longer than they are valid, so that log entries can be resolved.
    RetentionModule.forFeature([{ table: 'sessions', expired: `expires_at < now() - interval '1 day'` }]),
    AuditModule,
    MailModule.forFeature(securityAlertMails),
    NotificationsModule.forFeature(securityAlertTypes),
  ],
  providers: [SessionsService, SessionRefreshService, SessionRevocations, SecurityAlertsService],
  exports: [SessionsService, SessionRefreshService, SessionRevocations, SecurityAlertsService],
})
export class SessionsModule {}
