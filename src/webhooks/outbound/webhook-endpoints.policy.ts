import { IsNull } from 'typeorm';
import { definePolicy } from '../../platform/security/policy.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

/** Administrators don’t see the endpoints of others: their URLs and secrets belong to the owner. */
export const endpointPolicy = definePolicy(WebhookEndpoint, {
  relations: { owner: ({ userId }) => ({ userId }) },
  actions: { read: ['owner'], change: ['owner'] },
  where: { deletedAt: IsNull() },
});
