import { DataSource } from 'typeorm';
import type { z } from 'zod';
import {
  type JobContext,
  UnrecoverableJobError,
  JobHandler,
  type JobRunner,
} from '../../jobs/job-handler.ts';
import { InboundWebhook } from './inbound-webhook.entity.ts';
import { webhookReceive } from './inbound-webhooks.service.ts';
import { WebhookSources } from './webhook-sources.service.ts';

type Input = z.output<typeof webhookReceive.input>;

/** Handles one event. Its effects and its new state are committed together. */
@JobHandler(webhookReceive)
export class WebhookReceiveHandler implements JobRunner<Input> {
  constructor(
    private readonly db: DataSource,
    private readonly sources: WebhookSources,
  ) {}

  async run({ webhookId }: Input, ctx: JobContext): Promise<void> {
    const webhook = await this.db.getRepository(InboundWebhook).findOneBy({ id: webhookId });
    if (!webhook || webhook.processedAt) return;
    const source = this.sources.find(webhook.source);
    if (!source)
      throw new UnrecoverableJobError('SOURCE_GONE', 'The source of this event is not configured any more.');
    const { eventId: id, eventType: type, payload } = webhook;
    await ctx.complete({}, async (tx) => {
      const outcome = await source.handle({ id, type, payload }, tx);
      await tx.update(InboundWebhook, { id: webhookId }, { outcome, processedAt: new Date() });
      const about = { source: source.name, eventType: type, webhookId };
      if (outcome === 'ignored') ctx.logger.info(about, 'Webhook event ignored: its type is not supported');
      if (outcome === 'invalid')
        ctx.logger.warn(about, 'Webhook event invalid: its payload does not match its type');
      return { result: { outcome } };
    });
  }
}
