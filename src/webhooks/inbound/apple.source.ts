import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  AppleEventsService,
  AppleEventVerifier,
  appleEventSchema,
} from '../../auth/oauth/apple-events.service.ts';
import {
  type InboundEvent,
  type InboundRequest,
  jsonIn,
  type Outcome,
  typeOf,
  type WebhookSource,
} from './webhook-source.ts';

const BODY_MAX_BYTES = 64 * 1024;

/** The signature is in the body: `{"payload": "<JWT>"}`. */
@Injectable()
export class AppleSource implements WebhookSource {
  readonly name = 'apple';

  constructor(
    private readonly verifier: AppleEventVerifier,
    private readonly events: AppleEventsService,
  ) {}

  get isConfigured(): boolean {
    return this.verifier.isConfigured;
  }

  async verify({ body }: InboundRequest): Promise<InboundEvent | null> {
    const token = tokenIn(body);
    const signed = token === null ? null : await this.verifier.verify(token);
    return signed && { id: signed.id, type: typeOf(signed.events), payload: signed.events };
  }

  async handle({ payload }: InboundEvent, tx: EntityManager): Promise<Outcome> {
    const event = appleEventSchema.safeParse(jsonIn(payload));
    if (!event.success) return 'invalid';
    return (await this.events.applyEvent(event.data, tx)) ? 'handled' : 'ignored';
  }
}

/** Checked before the signature, so that an anonymous body costs little. A notification has about 2 KiB. */
function tokenIn(body: Buffer): string | null {
  if (body.length > BODY_MAX_BYTES) return null;
  const { payload } = (jsonIn(body.toString()) ?? {}) as { payload?: unknown };
  return typeof payload === 'string' ? payload : null;
}
