import { type DynamicModule, Module } from '@nestjs/common';
import { AccountLinkSendHandler } from './auth/account-link-send.handler.ts';
import { AuthModule } from './auth/auth.module.ts';
import { JobWorkerModule } from './jobs/job-worker.module.ts';
import { JobsModule } from './jobs/jobs.module.ts';
import { MailModule } from './mail/mail.module.ts';
import { MailSendHandler } from './mail/mail-send.handler.ts';
import { JobNotificationsModule } from './notifications/job-notifications.module.ts';
import { NotificationsModule } from './notifications/notifications.module.ts';
import { BusModule } from './platform/bus/bus.module.ts';
import { Config } from './platform/config/config.ts';
import { PurgeService } from './maintenance/purge.service.ts';
import { ConfigModule } from './platform/config/config.module.ts';
import { DatabaseModule } from './platform/database/database.module.ts';
import { EventsModule } from './platform/events/events.module.ts';
import { HealthModule } from './platform/health/health.module.ts';
import { LoggingModule } from './platform/logging/logging.module.ts';
import { PaginationModule } from './platform/pagination/pagination.module.ts';
import { QueueModule } from './platform/queue/queue.module.ts';
import { RedisModule } from './platform/redis/redis.module.ts';
import { SecurityModule } from './platform/security/security.module.ts';
import { UserEraseHandler } from './users/personal-data/user-erase.handler.ts';
import { UserExportHandler } from './users/personal-data/user-export.handler.ts';
import { UserImportHandler } from './users/imports/user-import.handler.ts';
import { UsersModule } from './users/users.module.ts';
import { InboundWebhooksModule } from './webhooks/inbound/inbound-webhooks.module.ts';
import { WebhookReceiveHandler } from './webhooks/inbound/webhook-receive.handler.ts';
import { WebhookDeliverHandler } from './webhooks/outbound/webhook-deliver.handler.ts';
import { WebhookSecretsRenewal } from './webhooks/outbound/webhook-secrets-renewal.service.ts';
import { WebhooksModule } from './webhooks/outbound/webhooks.module.ts';

/** The queue process. A handler runs because it is listed here, and nowhere else. */
@Module({
  imports: [
    LoggingModule,
    DatabaseModule.for('worker'),
    RedisModule,
    QueueModule,
    BusModule,
    EventsModule,
    SecurityModule,
    PaginationModule,
    HealthModule.forWorker(),
    JobWorkerModule,
    AuthModule,
    UsersModule,
    JobsModule,
    MailModule,
    NotificationsModule,
    JobNotificationsModule,
    WebhooksModule,
    InboundWebhooksModule,
  ],
  providers: [
    PurgeService,
    WebhookSecretsRenewal,
    AccountLinkSendHandler,
    MailSendHandler,
    UserEraseHandler,
    UserExportHandler,
    UserImportHandler,
    WebhookDeliverHandler,
    WebhookReceiveHandler,
  ],
})
export class WorkerModule {
  static with(config: Config): DynamicModule {
    return { module: WorkerModule, imports: [ConfigModule.with(config)] };
  }
}
