import { Args, Context, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { PageArgs, pageQueryOf, toConnection } from '../../platform/graphql/connections.ts';
import type { GraphqlContext } from '../../platform/graphql/graphql-context.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { WebhookDeliveriesService } from './webhook-deliveries.service.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import {
  WebhookDeliveryObject,
  WebhookEndpointConnection,
  WebhookEndpointObject,
} from './webhook-endpoints.graphql.ts';
import { webhookEndpointsQuerySchema } from './webhook-endpoints.schemas.ts';
import { WebhookEndpointsService } from './webhook-endpoints.service.ts';

@Resolver(() => WebhookEndpointObject)
export class WebhookEndpointsResolver {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: WebhookDeliveriesService,
  ) {}

  @Query(() => WebhookEndpointConnection, {
    name: 'webhookEndpoints',
    description: 'Your own webhook endpoints. Sorts: `createdAt`.',
  })
  async listWebhookEndpoints(@Args() args: PageArgs, @CurrentUser() caller: Principal) {
    const page = await this.endpoints.list(pageQueryOf(webhookEndpointsQuerySchema, args), caller);
    return toConnection(page, args, (endpoint) => endpoint);
  }

  @ResolveField(() => [WebhookDeliveryObject], { description: 'The five latest deliveries, newest first.' })
  async latestDeliveries(@Parent() { id }: WebhookEndpoint, @Context() { loaders }: GraphqlContext) {
    // Only the owner sees an endpoint, and may see its deliveries.
    return loaders.loadFrom('latest-deliveries', id, (ids) => this.deliveries.loadLatest(ids));
  }
}
