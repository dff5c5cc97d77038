import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
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
    // One day longer than they are valid, so that log entries can be resolved.
    RetentionModule.forFeature([{ table: 'sessions', expired: `expires_at < now() - interval '1 day'` }]),
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
