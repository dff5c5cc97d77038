import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { publicEvents } from '../events/domain-events.ts';

type Convert = (schema: z.ZodType) => { schema: object; components: object };

/** The headers of Standard Webhooks 1.0, which every event is sent with. */
const HEADERS = {
  'webhook-id': 'The id of the event, the same at every attempt: whoever has it already ignores the rest.',
  'webhook-timestamp':
    'When this attempt was made, in seconds since 1970. Refuse one that is five minutes off.',
  'webhook-signature':
    '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; two, apart by a space, while a secret follows another.',
};

/** What webhook endpoints are sent: the `webhooks` section of OpenAPI 3.1. */
export function describeEvents(document: OpenAPIObject, convert: Convert): void {
  const webhooks = publicEvents()
    .toSorted((a, b) => a.type.localeCompare(b.type))
    .map(({ type, summary, data }) => {
      const payload = z.object({ type: z.literal(type), timestamp: z.iso.datetime(), data });
      const { schema, components } = convert(payload);
      // Zod's definitions are components here; those that routes have named already are the same.
      Object.assign(document.components!.schemas!, pointToComponents(components));
      return [type, { post: operation(type, summary, pointToComponents(schema)) }] as const;
    });
  Object.assign(document, { webhooks: Object.fromEntries(webhooks) });
}

const operation = (type: string, summary: string, schema: object) => ({
  operationId: `event_${type.replace(/\W/g, '_')}`,
  summary,
  parameters: Object.entries(HEADERS).map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  })),
  requestBody: { required: true, content: { 'application/json': { schema } } },
  responses: {
    '2XX': { description: 'The event was taken.' },
    '410': { description: 'The endpoint is gone: it is switched off at once.' },
    default: { description: 'The event was not taken, and is sent again. A redirect is not followed.' },
  },
});

function pointToComponents<T extends object>(schema: T): T {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;
}
