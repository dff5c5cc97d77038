import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { MailModule } from '../../mail/mail.module.ts';
import { NotificationsModule } from '../../notifications/notifications.module.ts';
import { RevokeOnUserChanges } from './revoke-on-user-changes.service.ts';
import { SecurityAlertsService, securityAlertTypes } from './security-alerts.service.ts';
import { SessionRefreshService } from './session-refresh.service.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { Session } from './session.entity.ts';
import { SessionsService } from './sessions.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Session]),
    AuditModule,
    MailModule,
    NotificationsModule.forFeature(securityAlertTypes),
  ],
  providers: [
    SessionsService,
    SessionRefreshService,
    SessionRevocations,
    SecurityAlertsService,
    RevokeOnUserChanges,
  ],
  exports: [SessionsService, SessionRefreshService, SessionRevocations, SecurityAlertsService],
})
export class SessionsModule {}
