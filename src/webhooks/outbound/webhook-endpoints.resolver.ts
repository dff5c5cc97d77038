import { Args, Query, Resolver } from '@nestjs/graphql';
import { PageArgs, pageQueryOf, toConnection } from '../../platform/graphql/connections.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { WebhookEndpointConnection, WebhookEndpointObject } from './webhook-endpoints.graphql.ts';
import { webhookEndpointsQuerySchema } from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

@Resolver(() => WebhookEndpointObject)
export class WebhookEndpointsResolver {
  constructor(private readonly endpoints: WebhookEndpointsService) {}

  @Query(() => WebhookEndpointConnection, {
    name: 'webhookEndpoints',
    description: 'Your own webhook endpoints. Sorts: `createdAt`.',
  })
  async listWebhookEndpoints(@Args() args: PageArgs, @CurrentUser() caller: Principal) {
    const page = await this.endpoints.list(pageQueryOf(webhookEndpointsQuerySchema, args), caller);
    return toConnection(page, args, (endpoint) => endpoint);
  }
}
