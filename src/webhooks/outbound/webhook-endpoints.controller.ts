import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags, ApiHeader } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  ConflictError,
  ForbiddenError,
  LimitReachedError,
  PreconditionFailedError,
} from '../../platform/errors/platform.errors.ts';
import { expectedVersion, setEtag } from '../../platform/http/etag.ts';
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
  type CreateWebhookEndpoint,
  createWebhookEndpointSchema,
  type UpdateWebhookEndpoint,
  updateWebhookEndpointSchema,
  webhookDeliverySchema,
  webhookEndpointIdSchema,
  webhookEndpointSchema,
  type WebhookEndpointsQuery,
  webhookEndpointsQuerySchema,
  webhookEndpointWithSecretSchema,
} from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

const ID = { schema: webhookEndpointIdSchema };

@ApiTags('Webhooks')
@Controller({ path: 'webhook-endpoints', version: '1' })
export class WebhookEndpointsController {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: WebhookDeliveriesService,
  ) {}

  @Get()
  @Endpoint({ summary: 'List own webhook endpoints', returns: page(webhookEndpointSchema) })
  listWebhookEndpoints(
    @Query({ schema: webhookEndpointsQuerySchema }) query: WebhookEndpointsQuery,
    @CurrentUser() caller: Principal,
  ) {
    return this.endpoints.list(query, caller);
  }

  @Post()
  @Endpoint({
    summary: 'Create a webhook endpoint',
    description: 'The response contains the secret that signs the deliveries. It is shown only once.',
    status: 201,
    returns: item(webhookEndpointWithSecretSchema),
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

  @Get(':id')
  @Endpoint({ summary: 'Read a webhook endpoint', returns: item(webhookEndpointSchema) })
  async getWebhookEndpoint(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const endpoint = await this.endpoints.get(id, caller);
    setEtag(reply, endpoint.version);
    return { data: endpoint };
  }

  @Patch(':id')
  @ApiHeader({ name: 'if-match', required: false })
  @Endpoint({
    summary: 'Change a webhook endpoint',
    returns: item(webhookEndpointSchema),
    errors: [ForbiddenError, PreconditionFailedError],
  })
  async updateWebhookEndpoint(
    @Param('id', ID) id: string,
    @Body({ schema: updateWebhookEndpointSchema }) body: UpdateWebhookEndpoint,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const version = expectedVersion(reply.request.headers['if-match']);
    const endpoint = await this.endpoints.update(id, body, version, caller);
    setEtag(reply, endpoint.version);
    return { data: endpoint };
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Delete a webhook endpoint',
    description: 'Pending deliveries are deleted too.',
  })
  async deleteWebhookEndpoint(@Param('id', ID) id: string, @CurrentUser() caller: Principal) {
    await this.endpoints.delete(id, caller);
  }

  @Post(':id/rotate-secret')
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

  @Post(':id/ping')
  @Endpoint({
    summary: 'Send a test event to a webhook endpoint',
    status: 202,
    returns: item(webhookDeliverySchema),
    errors: [ConflictError],
    idempotent: true,
  })
  async pingWebhookEndpoint(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    return { data: await this.deliveries.ping(await this.endpoints.get(id, caller), tx) };
  }
}
