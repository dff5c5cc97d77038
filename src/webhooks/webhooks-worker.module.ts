import { Module } from '@nestjs/common';
import { InboundWebhooksModule } from './inbound/inbound-webhooks.module.ts';
import { WebhookReceiveHandler } from './inbound/webhook-receive.handler.ts';
import { WebhookDeliverHandler } from './outbound/webhook-deliver.handler.ts';
import { WebhookSecretsRenewal } from './outbound/webhook-secrets-renewal.service.ts';
import { WebhooksModule } from './outbound/webhooks.module.ts';

@Module({
  imports: [InboundWebhooksModule, WebhooksModule],
  providers: [WebhookDeliverHandler, WebhookReceiveHandler, WebhookSecretsRenewal],
})
export class WebhooksWorkerModule {}
