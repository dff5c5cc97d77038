import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ConflictError } from '../../platform/errors/platform.errors.ts';
import { item, page } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import {
  type WebhookDeliveriesQuery,
  webhookDeliveriesQuerySchema,
  webhookDeliverySchema,
  webhookEndpointIdSchema,
} from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

const ID = { schema: webhookEndpointIdSchema };

@Controller({ version: '1' })
export class WebhookDeliveriesController {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: WebhookDeliveriesService,
  ) {}

  @Get('webhook-endpoints/:id/deliveries')
  @Endpoint({ summary: 'What was sent to a webhook endpoint', returns: page(webhookDeliverySchema) })
  async list(
    @Param('id', ID) id: string,
    @Query({ schema: webhookDeliveriesQuerySchema }) query: WebhookDeliveriesQuery,
    @CurrentUser() caller: Principal,
  ) {
    await this.endpoints.get(id, caller);
    return this.deliveries.list(query, id);
  }

  @Post('webhook-deliveries/:id/redeliver')
  @Endpoint({
    summary: 'Send an event once more',
    description: 'Under the same webhook-id, so that a receiver who has it already can tell.',
    status: 202,
    returns: item(webhookDeliverySchema),
    errors: [ConflictError],
  })
  async redeliver(@Param('id', ID) id: string, @CurrentUser() caller: Principal) {
    return { data: await this.deliveries.redeliver(id, caller) };
  }
}
