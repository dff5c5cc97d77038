import { Field, GraphQLISODateTime, ID, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { connectionOf } from '../../platform/graphql/connections.ts';
import { type DeliveryStatus, deliveryStatuses } from './webhook-delivery.entity.ts';
import { type WebhookScope, webhookScopes } from './webhook-endpoint.entity.ts';

const WebhookScopeEnum = Object.fromEntries(webhookScopes.map((scope) => [scope, scope]));
registerEnumType(WebhookScopeEnum, { name: 'WebhookScope' });

const DeliveryStatusEnum = Object.fromEntries(deliveryStatuses.map((status) => [status, status]));
registerEnumType(DeliveryStatusEnum, { name: 'WebhookDeliveryStatus' });

@ObjectType('WebhookDelivery', { description: 'One event for one endpoint.' })
export class WebhookDeliveryObject {
  @Field(() => ID)
  id!: string;

  @Field(() => ID)
  endpointId!: string;

  @Field(() => ID, { description: 'The webhook-id header of every attempt.' })
  eventId!: string;

  @Field(() => String)
  eventType!: string;

  @Field(() => DeliveryStatusEnum)
  status!: DeliveryStatus;

  @Field(() => Int)
  attempts!: number;

  @Field(() => Int, { nullable: true })
  lastStatusCode!: number | null;

  @Field(() => Int, { nullable: true })
  lastDurationMs!: number | null;

  @Field(() => String, { nullable: true })
  lastError!: string | null;

  @Field(() => GraphQLISODateTime, { nullable: true })
  nextAttemptAt!: Date | null;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, { nullable: true })
  deliveredAt!: Date | null;
}

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
