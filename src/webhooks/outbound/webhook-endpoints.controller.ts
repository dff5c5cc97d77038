import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ConflictError, ForbiddenError, LimitReachedError } from '../../platform/errors/platform.errors.ts';
import { ExpectedVersion, setEtag } from '../../platform/http/etag.ts';
import { item, page } from '../../platform/http/schemas.ts';
import {
  IdempotentTransaction,
  type RequestTransaction,
} from '../../platform/idempotency/idempotency.interceptor.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import {
  type CreateWebhookEndpoint,
  createWebhookEndpointSchema,
  redeliveredSchema,
  type RedeliverMany,
  redeliverManySchema,
  type UpdateWebhookEndpoint,
  updateWebhookEndpointSchema,
  webhookAttemptSchema,
  type WebhookAttemptsQuery,
  webhookAttemptsQuerySchema,
  type WebhookDeliveriesQuery,
  webhookDeliveriesQuerySchema,
  webhookDeliverySchema,
  webhookEndpointIdSchema,
  webhookEndpointSchema,
  type WebhookEndpointsQuery,
  webhookEndpointsQuerySchema,
  webhookEndpointWithSecretSchema,
} from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

const ID = { schema: webhookEndpointIdSchema };

@Tag('Webhooks', 'Events sent to your servers, and events received from others.')
@Controller({ version: '1' })
export class WebhookEndpointsController {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: WebhookDeliveriesService,
  ) {}

  @Get('webhook-endpoints')
  @Endpoint({
    summary: 'List your webhook endpoints',
    description: 'Newest first. The secrets are not included.',
    returns: page(webhookEndpointSchema),
  })
  listWebhookEndpoints(
    @Query({ schema: webhookEndpointsQuerySchema }) query: WebhookEndpointsQuery,
    @CurrentUser() caller: Principal,
  ) {
    return this.endpoints.list(query, caller);
  }

  @Post('webhook-endpoints')
  @Endpoint({
    summary: 'Create a webhook endpoint',
    description: 'The response contains the secret that signs the deliveries. It is shown only once.',
    status: 201,
    returns: item(webhookEndpointWithSecretSchema),
    location: 'The path of the endpoint.',
    errors: [ForbiddenError, LimitReachedError],
    idempotent: true,
  })
  async createWebhookEndpoint(
    @Body({ schema: createWebhookEndpointSchema }) body: CreateWebhookEndpoint,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    const endpoint = await this.endpoints.create(body, caller, tx);
    setEtag(reply, endpoint.version);
    void reply.header('location', `/v1/webhook-endpoints/${endpoint.id}`);
    return { data: endpoint };
  }

  @Get('webhook-endpoints/:id')
  @Endpoint({
    summary: 'Get a webhook endpoint',
    description: 'Without the secret. The `ETag` header is the version, for `If-Match` in an update.',
    returns: item(webhookEndpointSchema),
    versioned: true,
  })
  async getWebhookEndpoint(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const endpoint = await this.endpoints.get(id, caller);
    setEtag(reply, endpoint.version);
    return { data: endpoint };
  }

  @Patch('webhook-endpoints/:id')
  @Endpoint({
    summary: 'Change a webhook endpoint',
    description:
      'Changes only the given properties. With `If-Match`, only if the endpoint still has that version.',
    returns: item(webhookEndpointSchema),
    errors: [ForbiddenError, LimitReachedError],
    versioned: true,
  })
  async updateWebhookEndpoint(
    @Param('id', ID) id: string,
    @Body({ schema: updateWebhookEndpointSchema }) body: UpdateWebhookEndpoint,
    @ExpectedVersion() version: number | undefined,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const endpoint = await this.endpoints.update(id, body, version, caller);
    setEtag(reply, endpoint.version);
    return { data: endpoint };
  }

  @Delete('webhook-endpoints/:id')
  @Endpoint({
    summary: 'Delete a webhook endpoint',
    description: 'Pending deliveries are deleted too. Nothing more is sent.',
    versioned: true,
  })
  async deleteWebhookEndpoint(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @ExpectedVersion() version: number | undefined,
  ) {
    await this.endpoints.delete(id, version, caller);
  }

  @Post('webhook-endpoints/:id/rotate-secret')
  @Endpoint({
    summary: 'Rotate the secret of a webhook endpoint',
    description:
      'Deliveries are signed with both secrets for 24 hours. In that time the request returns the same new secret again.',
    status: 200,
    returns: item(webhookEndpointWithSecretSchema),
  })
  async rotateWebhookSecret(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const endpoint = await this.endpoints.rotateSecret(id, caller);
    setEtag(reply, endpoint.version);
    return { data: endpoint };
  }

  @Post('webhook-endpoints/:id/ping')
  @Endpoint({
    summary: 'Send a test event to a webhook endpoint',
    description:
      'Sends a `ping`, even if the endpoint does not subscribe to it. At most ten pings may be pending.',
    status: 202,
    returns: item(webhookDeliverySchema),
    examples: ['Pending'],
    errors: [ConflictError, LimitReachedError],
    idempotent: true,
  })
  async pingWebhookEndpoint(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    return { data: await this.deliveries.ping(await this.endpoints.get(id, caller), tx) };
  }

  @Get('webhook-endpoints/:id/deliveries')
  @Endpoint({
    summary: 'List the deliveries of a webhook endpoint',
    description: 'One per event, newest first, with the outcome of the last attempt.',
    returns: page(webhookDeliverySchema),
  })
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
    summary: 'Redeliver the events of a period',
    description:
      'Sends all failed (or all delivered) events of the period again, each with its webhook-id. At most 500 per request; more are rejected.',
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
  @Endpoint({
    summary: 'List the attempts of a delivery',
    description: 'Newest first, each with the status and the start of the response body.',
    returns: page(webhookAttemptSchema),
  })
  listDeliveryAttempts(
    @Param('id', ID) id: string,
    @Query({ schema: webhookAttemptsQuerySchema }) query: WebhookAttemptsQuery,
    @CurrentUser() caller: Principal,
  ) {
    return this.deliveries.listAttempts(query, id, caller);
  }

  @Post('webhook-deliveries/:id/redeliver')
  @Endpoint({
    summary: 'Redeliver an event',
    description: 'The event keeps its webhook-id, so receivers can recognize duplicates.',
    status: 202,
    returns: item(webhookDeliverySchema),
    examples: ['Pending'],
    errors: [ConflictError, LimitReachedError],
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
