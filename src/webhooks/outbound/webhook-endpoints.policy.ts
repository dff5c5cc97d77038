import { IsNull } from 'typeorm';
import { definePermission } from '../../platform/security/permissions.ts';
import { definePolicy } from '../../platform/security/policy.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

export const webhooksReceiveAll = definePermission({
  name: 'webhooks:receive-all',
  description: 'Receive the events of all users: endpoints with the scope `all`.',
});

/** Administrators don’t see the endpoints of others: their URLs and secrets belong to the owner. */
export const endpointPolicy = definePolicy(WebhookEndpoint, {
  relations: { owner: ({ userId }) => ({ userId }) },
  actions: { read: ['owner'], change: ['owner'] },
  where: { deletedAt: IsNull() },
});
