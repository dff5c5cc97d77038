import { type DynamicModule, Module } from '@nestjs/common';
import { roles } from './app.roles.ts';
import { AuthWorkerModule } from './auth/auth-worker.module.ts';
import { FilesWorkerModule } from './files/files-worker.module.ts';
import { JobsWorkerModule } from './jobs/jobs-worker.module.ts';
import { MailWorkerModule } from './mail/mail-worker.module.ts';
import { JobNotificationsModule } from './notifications/job-notifications.module.ts';
import { ConfigModule } from './platform/config/config.module.ts';
import { Config } from './platform/config/config.ts';
import { DatabaseModule } from './platform/database/database.module.ts';
import { DomainEventsModule } from './platform/events/domain-events.module.ts';
import { HealthModule } from './platform/health/health.module.ts';
import { LoggingModule } from './platform/logging/logging.module.ts';
import { PlatformModule } from './platform/platform.module.ts';
import { ReadReplicaModule } from './platform/replica/read-replica.module.ts';
import { PurgeService } from './platform/retention/purge.service.ts';
import { RetentionModule } from './platform/retention/retention.module.ts';
import { PermissionsModule } from './platform/security/permissions.ts';
import { SchedulesWorkerModule } from './schedules/schedules-worker.module.ts';
import { UsersWorkerModule } from './users/users-worker.module.ts';
import { WebhooksWorkerModule } from './webhooks/webhooks-worker.module.ts';

/** The worker process. A feature's job handlers run because its worker module is listed here. */
@Module({
  imports: [
    LoggingModule,
    // Before the modules that use it, because the pool closes last.
    DatabaseModule.for('worker'),
    PlatformModule,
    ReadReplicaModule.for('worker'),
    PermissionsModule.withRoles(roles),
    DomainEventsModule,
    HealthModule.forWorker(),
    JobsWorkerModule,
    SchedulesWorkerModule,
    AuthWorkerModule,
    UsersWorkerModule,
    FilesWorkerModule,
    MailWorkerModule,
    WebhooksWorkerModule,
    JobNotificationsModule,
    RetentionModule,
  ],
  providers: [PurgeService],
})
export class WorkerModule {
  static with(config: Config): DynamicModule {
    return { module: WorkerModule, imports: [ConfigModule.with(config)] };
  }
}
