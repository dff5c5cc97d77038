import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ConflictError, LimitReachedError } from '../../platform/errors/platform.errors.ts';
import { item, page } from '../../platform/http/schemas.ts';
import {
  IdempotentTransaction,
  type RequestTransaction,
} from '../../platform/idempotency/idempotency.interceptor.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import {
  redeliveredSchema,
  type RedeliverMany,
  redeliverManySchema,
  webhookAttemptSchema,
  type WebhookAttemptsQuery,
  webhookAttemptsQuerySchema,
  type WebhookDeliveriesQuery,
  webhookDeliveriesQuerySchema,
  webhookDeliverySchema,
  webhookEndpointIdSchema,
} from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

const ID = { schema: webhookEndpointIdSchema };

@ApiTags('Webhooks')
@Controller({ version: '1' })
export class WebhookDeliveriesController {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: WebhookDeliveriesService,
  ) {}

  @Get('webhook-endpoints/:id/deliveries')
  @Endpoint({ summary: 'What was sent to a webhook endpoint', returns: page(webhookDeliverySchema) })
  async listWebhookDeliveries(
    @Param('id', ID) id: string,
    @Query({ schema: webhookDeliveriesQuerySchema }) query: WebhookDeliveriesQuery,
    @CurrentUser() caller: Principal,
  ) {
    await this.endpoints.get(id, caller);
    return this.deliveries.list(query, id);
  }

  @Post('webhook-endpoints/:id/redeliver')
  @Endpoint({
    summary: 'Send the events of some time once more',
    description:
      'Those that failed, or those that were delivered: each under its webhook-id. All of them or, where they are more than 500, none.',
    status: 202,
    returns: item(redeliveredSchema),
    errors: [ConflictError, LimitReachedError],
    idempotent: true,
  })
  async redeliverWebhookDeliveries(
    @Param('id', ID) id: string,
    @Body({ schema: redeliverManySchema }) body: RedeliverMany,
    @CurrentUser() caller: Principal,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    const endpoint = await this.endpoints.get(id, caller);
    return { data: { count: await this.deliveries.redeliverMany(endpoint, body, tx) } };
  }

  @Get('webhook-deliveries/:id/attempts')
  @Endpoint({ summary: 'What became of each attempt to deliver', returns: page(webhookAttemptSchema) })
  listDeliveryAttempts(
    @Param('id', ID) id: string,
    @Query({ schema: webhookAttemptsQuerySchema }) query: WebhookAttemptsQuery,
    @CurrentUser() caller: Principal,
  ) {
    return this.deliveries.listAttempts(query, id, caller);
  }

  @Post('webhook-deliveries/:id/redeliver')
  @Endpoint({
    summary: 'Send an event once more',
    description: 'Under the same webhook-id, so that a receiver who has it already can tell.',
    status: 202,
    returns: item(webhookDeliverySchema),
    errors: [ConflictError],
    idempotent: true,
  })
  async redeliverWebhookDelivery(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    return { data: await this.deliveries.redeliver(id, caller, tx) };
  }
}
