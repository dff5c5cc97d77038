import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource } from 'typeorm';
import { JobsService } from '../../jobs/jobs.service.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { WebhookSignatureInvalidError } from './inbound-webhooks.errors.ts';
import { webhookReceive } from './webhook-receive.job.ts';
import type { InboundRequest } from './webhook-source.ts';
import { WebhookSources } from './webhook-sources.service.ts';

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
