import { Module } from '@nestjs/common';
import { InboundWebhooksController } from './inbound/inbound-webhooks.controller.ts';
import { InboundWebhooksModule } from './inbound/inbound-webhooks.module.ts';
import { UnknownSourceHook } from './inbound/unknown-source.hook.ts';
import { WebhookEndpointsController } from './outbound/webhook-endpoints.controller.ts';
import { WebhookEndpointsResolver } from './outbound/webhook-endpoints.resolver.ts';
import { WebhooksModule } from './outbound/webhooks.module.ts';

@Module({
  imports: [InboundWebhooksModule, WebhooksModule],
  controllers: [InboundWebhooksController, WebhookEndpointsController],
  providers: [UnknownSourceHook, WebhookEndpointsResolver],
})
export class WebhooksHttpModule {}
