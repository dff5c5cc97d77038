import { type DynamicModule, Module } from '@nestjs/common';
import { roles } from './app.roles.ts';
import { AuditHttpModule } from './audit/audit-http.module.ts';
import { AuthHttpModule } from './auth/auth-http.module.ts';
import { DashboardModule } from './dashboard/dashboard.module.ts';
import { FilesHttpModule } from './files/files-http.module.ts';
import { JobsHttpModule } from './jobs/jobs-http.module.ts';
import { JobNotificationsModule } from './notifications/job-notifications.module.ts';
import { NotificationsHttpModule } from './notifications/notifications-http.module.ts';
import { ConfigModule } from './platform/config/config.module.ts';
import { Config } from './platform/config/config.ts';
import { DatabaseModule } from './platform/database/database.module.ts';
import { DomainEventsModule } from './platform/events/domain-events.module.ts';
import { GraphqlModule } from './platform/graphql/graphql.module.ts';
import { HealthModule } from './platform/health/health.module.ts';
import { HttpModule } from './platform/http/http.module.ts';
import { LoggingModule } from './platform/logging/logging.module.ts';
import { PlatformModule } from './platform/platform.module.ts';
import { ReadReplicaModule } from './platform/replica/read-replica.module.ts';
import { PermissionsModule } from './platform/security/permissions.ts';
import { ReferenceClientModule } from './reference-client/reference-client.module.ts';
import { SchedulesHttpModule } from './schedules/schedules-http.module.ts';
import { UsersHttpModule } from './users/users-http.module.ts';
import { WebhooksHttpModule } from './webhooks/webhooks-http.module.ts';

/** The API process. A feature's routes are served because its HTTP module is listed here. */
@Module({
  imports: [
    LoggingModule,
    // Before the modules that use it, because the pool closes last.
    DatabaseModule.for('api'),
    PlatformModule,
    ReadReplicaModule.for('api'),
    PermissionsModule.withRoles(roles),
    DomainEventsModule,
    HttpModule,
    HealthModule.forApi(),
    AuthHttpModule,
    AuditHttpModule,
    UsersHttpModule,
    FilesHttpModule,
    JobsHttpModule,
    SchedulesHttpModule,
    NotificationsHttpModule,
    WebhooksHttpModule,
    ReferenceClientModule,
    JobNotificationsModule,
    DashboardModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    const imports: DynamicModule['imports'] = [ConfigModule.with(config)];
    if (config.GRAPHQL) imports.push(GraphqlModule);
    return { module: AppModule, imports };
  }
}
