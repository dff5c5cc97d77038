import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import {
  headerOf,
  type InboundEvent,
  type InboundRequest,
  jsonIn,
  type Outcome,
  typeOf,
  type WebhookSource,
} from '../../src/webhooks/inbound/webhook-source.ts';

// The code of docs/guides/add-a-webhook-source.md. A test compares them.

/** The setting that the guide adds to the real one. */
interface Config {
  ACME_WEBHOOK_SECRET?: string[];
}

const orderPaidSchema = z.object({ type: z.literal('order.paid'), orderId: z.guid() });

@Injectable()
export class AcmeSource implements WebhookSource {
  readonly name = 'acme';

  constructor(private readonly config: Config) {}

  get isConfigured(): boolean {
    return this.config.ACME_WEBHOOK_SECRET !== undefined;
  }

  verify(request: InboundRequest): InboundEvent | null {
    const id = headerOf(request, 'acme-event-id');
    if (!id || !this.isSigned(request)) return null;
    const payload = request.body.toString();
    return { id, type: typeOf(payload), payload };
  }

  async handle({ type, payload }: InboundEvent, tx: EntityManager): Promise<Outcome> {
    if (type !== 'order.paid') return 'ignored';
    const parsed = orderPaidSchema.safeParse(jsonIn(payload));
    if (!parsed.success) return 'invalid';
    await tx.query('UPDATE orders SET paid = true WHERE id = $1', [parsed.data.orderId]);
    return 'handled';
  }

  private isSigned(request: InboundRequest): boolean {
    const given = Buffer.from(headerOf(request, 'acme-signature') ?? '', 'hex');
    return (this.config.ACME_WEBHOOK_SECRET ?? [])
      .map((secret) => createHmac('sha256', secret).update(request.body).digest())
      .some((expected) => given.length === expected.length && timingSafeEqual(given, expected));
  }
}
