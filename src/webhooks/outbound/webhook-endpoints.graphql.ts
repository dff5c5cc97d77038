import { Field, GraphQLISODateTime, ID, ObjectType, registerEnumType } from '@nestjs/graphql';
import { connectionOf } from '../../platform/graphql/connections.ts';
import { type WebhookScope, webhookScopes } from './webhook-endpoint.entity.ts';

const WebhookScopeEnum = Object.fromEntries(webhookScopes.map((scope) => [scope, scope]));
registerEnumType(WebhookScopeEnum, { name: 'WebhookScope' });

@ObjectType('WebhookEndpoint', { description: 'A URL that receives events.' })
export class WebhookEndpointObject {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  url!: string;

  @Field(() => [String])
  eventTypes!: string[];

  @Field(() => String)
  description!: string;

  @Field(() => Boolean)
  enabled!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'Why the system disabled it: `gone`, `failing`, `access-reset` or `backlog`.',
  })
  disabledReason!: string | null;

  @Field(() => WebhookScopeEnum)
  scope!: WebhookScope;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime)
  updatedAt!: Date;
}

@ObjectType()
export class WebhookEndpointConnection extends connectionOf(WebhookEndpointObject, 'WebhookEndpoint') {}
