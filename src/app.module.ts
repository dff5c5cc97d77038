import { type DynamicModule, Module } from '@nestjs/common';
import { AuditModule } from './audit/audit.module.ts';
import { AuthModule } from './auth/auth.module.ts';
import { OAuthModule } from './auth/oauth/oauth.module.ts';
import { AccessModule } from './auth/sessions/access.module.ts';
import { DashboardModule } from './dashboard/dashboard.module.ts';
import { JobsModule } from './jobs/jobs.module.ts';
import { MailModule } from './mail/mail.module.ts';
import { JobNotificationsModule } from './notifications/job-notifications.module.ts';
import { NotificationsModule } from './notifications/notifications.module.ts';
import { BusModule } from './platform/bus/bus.module.ts';
import { Config } from './platform/config/config.ts';
import { ConfigModule } from './platform/config/config.module.ts';
import { DatabaseModule } from './platform/database/database.module.ts';
import { EventsModule } from './platform/events/events.module.ts';
import { HealthModule } from './platform/health/health.module.ts';
import { HttpModule } from './platform/http/http.module.ts';
import { LoggingModule } from './platform/logging/logging.module.ts';
import { PaginationModule } from './platform/pagination/pagination.module.ts';
import { QueueModule } from './platform/queue/queue.module.ts';
import { RedisModule } from './platform/redis/redis.module.ts';
import { SecurityModule } from './platform/security/security.module.ts';
import { ReferenceClientModule } from './reference-client/reference-client.module.ts';
import { UsersModule } from './users/users.module.ts';
import { InboundWebhooksModule } from './webhooks/inbound/inbound-webhooks.module.ts';
import { WebhooksModule } from './webhooks/outbound/webhooks.module.ts';

/** Every feature that the HTTP process serves. */
@Module({
  imports: [
    LoggingModule,
    DatabaseModule.for('api'),
    RedisModule,
    QueueModule,
    BusModule,
    EventsModule,
    SecurityModule,
    PaginationModule,
    HttpModule,
    HealthModule.forApi(),
    AccessModule,
    AuditModule,
    AuthModule,
    OAuthModule,
    UsersModule,
    JobsModule,
    MailModule,
    ReferenceClientModule,
    NotificationsModule,
    JobNotificationsModule,
    WebhooksModule,
    InboundWebhooksModule,
    DashboardModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    return { module: AppModule, imports: [ConfigModule.with(config)] };
  }
}
