import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module.ts';
import { MailModule } from '../mail/mail.module.ts';
import { NotificationsModule } from '../notifications/notifications.module.ts';
import { UsersModule } from '../users/users.module.ts';
import { InboundWebhooksModule } from './inbound/inbound-webhooks.module.ts';
import { WebhookReceiveHandler } from './inbound/webhook-receive.handler.ts';
import { WebhookClaims } from './outbound/webhook-claims.service.ts';
import { WebhookDispatcher } from './outbound/webhook-dispatcher.service.ts';
import { WebhookEndpointRules } from './outbound/webhook-endpoint-rules.service.ts';
import {
  WebhookDisabledNotifyHandler,
  WebhookEndpointDeleteHandler,
} from './outbound/webhook-endpoint.jobs.ts';
import { WebhookMetrics } from './outbound/webhook-metrics.service.ts';
import { WebhookOutcomes } from './outbound/webhook-outcomes.service.ts';
import { WebhookSecretsRenewal } from './outbound/webhook-secrets.service.ts';
import { WebhookSender } from './outbound/webhook-sender.ts';
import { WebhooksModule } from './outbound/webhooks.module.ts';

@Module({
  imports: [InboundWebhooksModule, WebhooksModule, JobsModule, MailModule, NotificationsModule, UsersModule],
  providers: [
    WebhookReceiveHandler,
    WebhookDispatcher,
    WebhookClaims,
    WebhookMetrics,
    WebhookOutcomes,
    {
      provide: WebhookSender,
      inject: [WebhookEndpointRules],
      useFactory: (rules: WebhookEndpointRules) => new WebhookSender(rules),
    },
    WebhookDisabledNotifyHandler,
    WebhookEndpointDeleteHandler,
    WebhookSecretsRenewal,
  ],
})
export class WebhooksWorkerModule {}
