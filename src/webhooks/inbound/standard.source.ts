import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Config } from '../../platform/config/config.ts';
import { isSigned } from '../standard-signature.ts';
import {
  EVENT_TYPE,
  headerOf,
  type InboundEvent,
  type InboundRequest,
  jsonIn,
  type Outcome,
  typeOf,
  type WebhookSource,
} from './webhook-source.ts';

const TOLERANCE_SECONDS = 300;

const eventSchema = z.object({ type: z.string().regex(EVENT_TYPE) });

/** A sender that follows Standard Webhooks 1.0, for example another instance of this application. */
@Injectable()
export class StandardSource implements WebhookSource {
  readonly name = 'standard';
  private readonly secrets: string[];

  constructor(config: Config) {
    this.secrets = config.STANDARD_WEBHOOK_SECRET ?? [];
  }

  get isConfigured(): boolean {
    return this.secrets.length > 0;
  }

  verify(request: InboundRequest): InboundEvent | null {
    const { body } = request;
    const id = headerOf(request, 'webhook-id');
    const timestamp = headerOf(request, 'webhook-timestamp');
    // It may contain several signatures, so it is longer than other headers.
    const signatures = request.headers['webhook-signature'];
    if (!id || !timestamp || typeof signatures !== 'string' || !isRecent(timestamp)) return null;
    if (!isSigned({ id, timestamp, body }, signatures, this.secrets)) return null;
    const payload = body.toString();
    return { id, type: typeOf(payload), payload };
  }

  /** Add the handling of the event here. */
  async handle({ payload }: InboundEvent): Promise<Outcome> {
    const event = eventSchema.safeParse(jsonIn(payload));
    if (!event.success) return 'invalid';
    return event.data.type === 'ping' ? 'handled' : 'ignored';
  }
}

const isRecent = (timestamp: string): boolean =>
  /^\d{1,12}$/.test(timestamp) && Math.abs(Date.now() / 1_000 - Number(timestamp)) <= TOLERANCE_SECONDS;
