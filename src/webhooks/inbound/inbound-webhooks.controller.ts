import { Body, Controller, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { MalformedJsonError } from '../../platform/errors/platform.errors.ts';
import { RawBody } from '../../platform/http/consumes.decorator.ts';
import { item, text } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { examples, sample } from '../../platform/openapi/examples.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { Public } from '../../platform/security/access.decorators.ts';
import { RateLimit } from '../../platform/security/rate-limit.decorator.ts';
import { WebhookSignatureInvalidError, InboundWebhooksService } from './inbound-webhooks.service.ts';

const BODY_MAX_BYTES = 1024 * 1024;
const SOURCE_MAX = 64;

const acceptedWebhookSchema = z
  .object({ status: z.literal('accepted') })
  .meta({ id: 'AcceptedWebhook', description: 'A repeated event gets the same response.' })
  .register(examples, { Accepted: { status: 'accepted' } });

@Tag('Webhooks')
@Controller({ path: 'webhooks', version: '1' })
export class InboundWebhooksController {
  constructor(private readonly webhooks: InboundWebhooksService) {}

  @Post(':source')
  @Endpoint({
    summary: 'Receive a webhook',
    description:
      'Accepts signed events from `github`, `apple` or `standard` (Standard Webhooks). The body may have 1 MiB.',
    status: 202,
    returns: item(acceptedWebhookSchema),
    errors: [WebhookSignatureInvalidError],
    // The signature is checked first, and a signed body is stored as it is.
    impossibleErrors: [MalformedJsonError],
  })
  @Public()
  @RateLimit('webhook')
  @RawBody(BODY_MAX_BYTES, {
    'Standard Webhooks': { type: 'ping', timestamp: sample.later, data: { endpointId: sample.id } },
  })
  async receiveWebhook(
    @Param('source', { schema: text({ min: 1, max: SOURCE_MAX }).meta({ example: 'standard' }) })
    source: string,
    @Body() body: unknown,
    @Req() { headers }: FastifyRequest,
  ) {
    // An empty body has no signature.
    await this.webhooks.receive(source, { headers, body: Buffer.isBuffer(body) ? body : Buffer.alloc(0) });
    return { data: { status: 'accepted' } as const };
  }
}
