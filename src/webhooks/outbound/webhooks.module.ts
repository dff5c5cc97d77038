import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { JobsModule } from '../../jobs/jobs.module.ts';
import { MailModule } from '../../mail/mail.module.ts';
import { NotificationsModule } from '../../notifications/notifications.module.ts';
import { EventsModule } from '../../platform/events/events.module.ts';
import { PersonalDataModule } from '../../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
import { DisableEndpointsService } from './disable-endpoints.service.ts';
import { WebhookAttempt } from './webhook-attempt.entity.ts';
import { WebhookAttemptsService } from './webhook-attempts.service.ts';
import { webhookDeliver } from './webhook-deliver.job.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import { WebhookDelivery } from './webhook-delivery.entity.ts';
import { endpointDisabled, WebhookEndpointHealth } from './webhook-endpoint-health.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';
import { WebhookEventsService } from './webhook-events.service.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';
import { WebhookSender } from './webhook-sender.ts';
import { WebhookUrlRules } from './webhook-url-rules.service.ts';
import { endpointCreated, endpointDeleted, secretRotated } from './webhooks.audit.ts';
import { ping } from './webhooks.events.ts';

const oldDeliveries = {
  table: 'webhook_deliveries',
  expired: `created_at < now() - interval '30 days' AND (status <> 'pending'
    OR NOT EXISTS (SELECT 1 FROM jobs WHERE id = webhook_deliveries.job_id AND status IN ('queued', 'active')))`,
};

/** Telling others of what happens here. Both processes need it: events arise in requests and in jobs. */
@Module({
  imports: [
    TypeOrmModule.forFeature([WebhookEndpoint, WebhookDelivery, WebhookAttempt]),
    PersonalDataModule.forFeature([
      {
        table: 'webhook_endpoints',
        exported: {
          file: 'webhook-endpoints',
          columns: `id, url, event_types, description, enabled, scope, created_at`,
          where: `user_id = $1`,
        },
        erased: 'cascade',
      },
      {
        table: 'webhook_deliveries',
        exported: { exempt: 'Copies of events. The API lists them.' },
        erased: 'cascade',
      },
    ]),
    RetentionModule.forFeature([oldDeliveries]),
    AuditModule.forFeature([endpointCreated, endpointDeleted, secretRotated]),
    EventsModule.forFeature([ping]),
    JobsModule.forFeature([webhookDeliver]),
    MailModule,
    NotificationsModule.forFeature([endpointDisabled]),
  ],
  providers: [
    WebhookEndpointsService,
    WebhookDeliveriesService,
    WebhookEventsService,
    WebhookAttemptsService,
    WebhookEndpointHealth,
    DisableEndpointsService,
    WebhookSecrets,
    WebhookUrlRules,
    {
      provide: WebhookSender,
      inject: [WebhookUrlRules],
      useFactory: (rules: WebhookUrlRules) => new WebhookSender(rules),
    },
  ],
  exports: [
    WebhookEndpointsService,
    WebhookDeliveriesService,
    WebhookAttemptsService,
    WebhookSecrets,
    WebhookSender,
  ],
})
export class WebhooksModule {}
