import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { problemsIn } from '../../platform/errors/app-error.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { problems as de } from '../webhooks.de.ts';
import type { InboundRequest } from './webhook-source.ts';
import { WebhookSources } from './webhook-sources.service.ts';

const defineProblem = problemsIn({ de });

/** The detail doesn't say which part is wrong, because that would help an attacker to forge a signature. */
export class WebhookSignatureInvalidError extends defineProblem(
  401,
  'WEBHOOK_SIGNATURE_INVALID',
  'Webhook signature invalid',
  'The signature is missing, wrong or too old. Check the secret and the clock of the sender, and sign the body again.',
) {}

export const webhookReceive = defineJob({
  type: 'webhook-receive',
  input: z.strictObject({ webhookId: z.guid() }),
  // About a day: the sender got a 202 and does not send the event again.
  attempts: 300,
});

/** Stores received events, each once. A job handles them. */
@Injectable()
export class InboundWebhooksService {
  constructor(
    private readonly db: DataSource,
    private readonly sources: WebhookSources,
    private readonly jobs: JobsService,
  ) {}

  async receive(sourceName: string, request: InboundRequest): Promise<void> {
    const source = this.sources.find(sourceName);
    if (!source) throw new NotFoundError();
    const event = await source.verify(request);
    if (!event) throw new WebhookSignatureInvalidError();
    await this.db.transaction(async (tx) => {
      const id = randomUUIDv7();
      // Postgres text can't contain NUL.
      const payload = event.payload.replaceAll('\0', '');
      const inserted = await tx.query<unknown[]>(
        `INSERT INTO inbound_webhooks (id, source, event_id, event_type, payload) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT inbound_webhooks_source_event_id_key DO NOTHING RETURNING id`,
        [id, source.name, event.id, event.type, payload],
      );
      if (inserted.length > 0) await this.jobs.enqueue(webhookReceive, { webhookId: id }, {}, tx);
    });
  }
}
