import type { z } from 'zod';
import { pauseMs } from '../../jobs/job-definition.ts';
import {
  type JobContext,
  RescheduleJob,
  UnrecoverableJobError,
  JobHandler,
  type JobRunner,
} from '../../jobs/job-handler.ts';
import { version } from '../../platform/config/version.ts';
import { signatureOf } from '../standard-signature.ts';
import { retryAfterMs } from './retry-after.ts';
import { WebhookAttemptsService } from './webhook-attempts.service.ts';
import { webhookDeliver } from './webhook-deliver.job.ts';
import type { WebhookDelivery } from './webhook-delivery.entity.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';
import { type WebhookAnswer, type WebhookRequest, WebhookSender } from './webhook-sender.ts';

type Input = z.output<typeof webhookDeliver.input>;

/**
 * One attempt at one delivery. A worker that dies between the receiver's answer and our commit makes the event come
 * twice: receivers know it by its webhook-id.
 */
@JobHandler(webhookDeliver)
export class WebhookDeliverHandler implements JobRunner<Input> {
  constructor(
    private readonly attempts: WebhookAttemptsService,
    private readonly secrets: WebhookSecrets,
    private readonly sender: WebhookSender,
  ) {}

  async run({ deliveryId }: Input, ctx: JobContext): Promise<void> {
    const beginning = await ctx.transaction((tx) => this.attempts.begin(deliveryId, ctx.job.id, tx));
    if (beginning.kind === 'over') return;
    if (beginning.kind === 'wait') throw new RescheduleJob(beginning.until, false);
    const answer = await this.sender.send(
      this.request(beginning.delivery, beginning.endpoint, ctx),
      ctx.signal,
    );
    // Whatever it was, it was cut short by us and says nothing about the receiver.
    ctx.signal.throwIfAborted();
    if (answer.error === null) {
      await ctx.complete({}, (tx) => this.attempts.succeed(beginning, answer, tx));
      return;
    }
    const next = nextAttemptAt(answer, ctx.job.attempts);
    const goesOn = await ctx.transaction((tx) => this.attempts.failed(beginning, answer, next, tx));
    if (goesOn && next) throw new RescheduleJob(next, true);
    throw new UnrecoverableJobError('NOT_DELIVERED', answer.error);
  }

  private request(
    { eventId, payload }: WebhookDelivery,
    endpoint: WebhookEndpoint,
    { job }: JobContext,
  ): WebhookRequest {
    const timestamp = Math.floor(Date.now() / 1_000);
    const message = { id: eventId, timestamp, body: payload };
    const signatures = this.secrets.liveOf(endpoint).map((secret) => signatureOf(message, secret));
    return {
      url: endpoint.url,
      body: payload,
      headers: {
        'content-type': 'application/json',
        'user-agent': `reference-webhooks/${version}`,
        'webhook-id': eventId,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures.join(' '),
        'x-correlation-id': job.correlationId,
        ...(job.traceparent && { traceparent: job.traceparent }),
      },
    };
  }
}

/** Null after the last attempt. A receiver that is overloaded may ask for more time, but not for less. */
function nextAttemptAt({ statusCode, retryAfter }: WebhookAnswer, attempts: number): Date | null {
  if (attempts >= webhookDeliver.attempts) return null;
  const asked = statusCode === 429 || statusCode === 503 ? retryAfterMs(retryAfter) : 0;
  return new Date(Date.now() + Math.max(pauseMs(webhookDeliver, attempts), asked));
}
