import { type DynamicModule, Module } from '@nestjs/common';
import { AuditHttpModule } from './audit/audit-http.module.ts';
import { AuthHttpModule } from './auth/auth-http.module.ts';
import { DashboardModule } from './dashboard/dashboard.module.ts';
import { JobsHttpModule } from './jobs/jobs-http.module.ts';
import { JobNotificationsModule } from './notifications/job-notifications.module.ts';
import { NotificationsHttpModule } from './notifications/notifications-http.module.ts';
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
import { UsersHttpModule } from './users/users-http.module.ts';
import { WebhooksHttpModule } from './webhooks/webhooks-http.module.ts';

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
    AuthHttpModule,
    AuditHttpModule,
    UsersHttpModule,
    JobsHttpModule,
    NotificationsHttpModule,
    WebhooksHttpModule,
    ReferenceClientModule,
    JobNotificationsModule,
    DashboardModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    return { module: AppModule, imports: [ConfigModule.with(config)] };
  }
}
