import { createEndpoint } from '../../factories/webhook.factory.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

const HOOK = 'https://example.com/hooks';

const endpoint: Thing = async (_app, owner) => (await createEndpoint(owner, HOOK)).id;

const delivery: Thing = async (_app, owner) => {
  const { id } = await createEndpoint(owner, HOOK);
  return (await owner.post(`/v1/webhook-endpoints/${id}/ping`)).body.data.id as string;
};

export const rows: Record<string, Rule> = {
  //                          anonymous other owner admin
  listWebhookEndpoints: /*  */ rule([401, 200, 200, 200]),
  createWebhookEndpoint: /* */ rule([401, 201, 201, 201], { body: { url: HOOK, eventTypes: ['ping'] } }),
  getWebhookEndpoint: /*    */ rule([401, 404, 200, 404], { of: endpoint }),
  updateWebhookEndpoint: /* */ rule([401, 404, 200, 404], { of: endpoint, body: { description: 'New' } }),
  deleteWebhookEndpoint: /* */ rule([401, 404, 204, 404], { of: endpoint }),
  rotateWebhookSecret: /*   */ rule([401, 404, 200, 404], { of: endpoint }),
  pingWebhookEndpoint: /*   */ rule([401, 404, 202, 404], { of: endpoint }),
  listWebhookDeliveries: /* */ rule([401, 404, 200, 404], { of: endpoint }),
  listDeliveryAttempts: /*  */ rule([401, 404, 200, 404], { of: delivery }),
  redeliverWebhookDeliveries: rule([401, 404, 202, 404], {
    of: endpoint,
    body: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' },
  }),
  redeliverWebhookDelivery: rule([401, 404, 202, 404], { of: delivery }),
  // No source is configured here, so each source is not found.
  receiveWebhook: /*        */ rule([404, 404, 404, 404]),
};
