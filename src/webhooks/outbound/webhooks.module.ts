import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { JobsModule } from '../../jobs/jobs.module.ts';
import { MailModule } from '../../mail/mail.module.ts';
import { NotificationsModule } from '../../notifications/notifications.module.ts';
import { DomainEventsModule } from '../../platform/events/domain-events.module.ts';
import { PersonalDataModule } from '../../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
import { PermissionsModule } from '../../platform/security/permissions.ts';
import { UsersModule } from '../../users/users.module.ts';
import { ping, WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import { WebhookAttempt, WebhookDelivery } from './webhook-delivery.entity.ts';
import { WebhookEndpointRules } from './webhook-endpoint-rules.service.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import {
  endpointDisabled,
  endpointDisabledMail,
  webhookDisabledNotify,
  webhookEndpointDelete,
} from './webhook-endpoint.jobs.ts';
import { webhooksReceiveAll } from './webhook-endpoints.policy.ts';
import {
  WebhookEndpointsService,
  endpointCreated,
  endpointDeleted,
  secretRotated,
} from './webhook-endpoints.service.ts';
import { WebhookEventsService } from './webhook-events.service.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';

/** Attempts end after about three days, so a pending delivery of this age was lost. */
const oldDeliveries = {
  table: 'webhook_deliveries',
  expired: `created_at < now() - interval '30 days' AND leased_until IS NULL
    AND (status <> 'pending' OR next_attempt_at IS NULL OR next_attempt_at < now() - interval '1 day')`,
};

/** Endpoints and the deliveries of events to them. Used by the API and by workers: both emit events. */
@Module({
  imports: [
    TypeOrmModule.forFeature([WebhookEndpoint, WebhookDelivery, WebhookAttempt]),
    PersonalDataModule.forFeature([
      {
        table: 'webhook_endpoints',
        exported: {
          file: 'webhook-endpoints',
          columns: `id, url, event_types, description, enabled, scope, created_at`,
          where: `user_id = $1 AND deleted_at IS NULL`,
        },
        erased: 'cascade',
      },
      {
        table: 'webhook_deliveries',
        exported: { exempt: 'Copies of events. The API lists them.' },
        erased: {
          // Events about the user. Account deletion has already started to remove the user's own endpoints.
          sql: `DELETE FROM webhook_deliveries WHERE id IN (
            (SELECT id FROM webhook_deliveries WHERE subject_id = $1 LIMIT $2) UNION ALL
            (SELECT delivery.id FROM webhook_endpoints endpoint JOIN webhook_deliveries delivery
             ON endpoint_id = endpoint.id WHERE user_id = $1 LIMIT $2))`,
        },
      },
    ]),
    PermissionsModule.forFeature([webhooksReceiveAll]),
    RetentionModule.forFeature([oldDeliveries]),
    AuditModule.forFeature([endpointCreated, endpointDeleted, secretRotated]),
    DomainEventsModule.forFeature([ping]),
    JobsModule.forFeature([webhookDisabledNotify, webhookEndpointDelete]),
    NotificationsModule.forFeature([endpointDisabled]),
    MailModule.forFeature([endpointDisabledMail]),
    UsersModule,
  ],
  providers: [
    WebhookEndpointsService,
    WebhookDeliveriesService,
    WebhookEventsService,
    WebhookSecrets,
    WebhookEndpointRules,
  ],
  exports: [WebhookEndpointsService, WebhookDeliveriesService, WebhookSecrets, WebhookEndpointRules],
})
export class WebhooksModule {}
