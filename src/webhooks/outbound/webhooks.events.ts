import { z } from 'zod';
import { defineEvent } from '../../platform/events/domain-events.ts';
import { disabledReasons } from './webhook-endpoint.entity.ts';

export const ping = defineEvent({
  type: 'ping',
  summary:
    'Somebody wants to see whether the endpoint works. Sent when asked for, whatever it subscribes to.',
  data: z.object({ endpointId: z.string() }).meta({ id: 'Ping' }),
  isPublic: true,
});

/** For notices to its owner. */
export const webhookEndpointDisabled = defineEvent({
  type: 'webhook-endpoint.disabled',
  summary: 'An endpoint was switched off, since its receiver is gone or has failed for days.',
  data: z.object({ endpointId: z.string(), reason: z.enum(disabledReasons) }),
  isPublic: false,
});
