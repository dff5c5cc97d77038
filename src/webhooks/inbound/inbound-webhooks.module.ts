import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OAuthModule } from '../../auth/oauth/oauth.module.ts';
import { JobsModule } from '../../jobs/jobs.module.ts';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
import { AppleSource } from './apple.source.ts';
import { GithubSource } from './github.source.ts';
import { InboundWebhook } from './inbound-webhook.entity.ts';
import { InboundWebhooksService, webhookReceive } from './inbound-webhooks.service.ts';
import { StandardSource } from './standard.source.ts';
import { WebhookSources } from './webhook-sources.service.ts';

/** An unprocessed webhook is kept for as long as its failed job can be retried. */
const oldWebhooks = {
  table: 'inbound_webhooks',
  expired: `received_at < now() - interval '30 days'
    AND (processed_at IS NOT NULL OR received_at < now() - interval '90 days')`,
};

/** Receives events of other systems. */
@Module({
  imports: [
    TypeOrmModule.forFeature([InboundWebhook]),
    JobsModule.forFeature([webhookReceive]),
    RetentionModule.forFeature([oldWebhooks]),
    OAuthModule,
  ],
  providers: [InboundWebhooksService, WebhookSources, GithubSource, StandardSource, AppleSource],
  exports: [InboundWebhooksService, WebhookSources],
})
export class InboundWebhooksModule {}
