import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Config } from '../../platform/config/config.ts';
import {
  headerOf,
  type InboundEvent,
  type InboundRequest,
  type Outcome,
  type WebhookSource,
} from './webhook-source.ts';

const SIGNATURE_PREFIX = 'sha256=';

/**
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries. GitHub signs the
 * body only: no time, and neither the id nor the name of the event. An attacker who has a signed body can send it again under
 * another id, so `handle` must depend on the body only and must be safe to repeat.
 */
@Injectable()
export class GithubSource implements WebhookSource {
  readonly name = 'github';
  private readonly secrets: string[];

  constructor(config: Config) {
    this.secrets = config.GITHUB_WEBHOOK_SECRET ?? [];
  }

  get isConfigured(): boolean {
    return this.secrets.length > 0;
  }

  verify(request: InboundRequest): InboundEvent | null {
    const id = headerOf(request, 'x-github-delivery');
    const type = headerOf(request, 'x-github-event');
    const signature = headerOf(request, 'x-hub-signature-256');
    if (!id || !type || !signature || !this.isSigned(request.body, signature)) return null;
    return { id, type, payload: request.body.toString() };
  }

  /** Add the handling of repository events here. */
  async handle({ type }: InboundEvent): Promise<Outcome> {
    return type === 'ping' ? 'handled' : 'ignored';
  }

  private isSigned(body: Buffer, signature: string): boolean {
    if (!signature.startsWith(SIGNATURE_PREFIX)) return false;
    const given = Buffer.from(signature.slice(SIGNATURE_PREFIX.length), 'hex');
    return this.secrets
      .map((secret) => createHmac('sha256', secret).update(body).digest())
      .some((expected) => given.length === expected.length && timingSafeEqual(given, expected));
  }
}
