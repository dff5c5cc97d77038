import { z } from 'zod';
import { defineEvent } from '../../platform/events/domain-events.ts';

export const ping = defineEvent({
  type: 'ping',
  summary:
    'Somebody wants to see whether the endpoint works. Sent when asked for, whatever it subscribes to.',
  data: z.object({ endpointId: z.string() }).meta({ id: 'Ping' }),
  isPublic: true,
});
