import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import type { EventDefinition } from '../events/domain-events.ts';
import { examples, examplesOf, placeExamples, sample } from './examples.ts';

type Convert = (schema: z.ZodType) => { schema: Record<string, unknown>; components: object };

/** The headers of Standard Webhooks 1.0, which every event is sent with. */
const HEADERS = {
  'webhook-id':
    'The id of the event. It is the same for every attempt: ignore an id that you already processed.',
  'webhook-timestamp':
    'Time of this attempt in seconds since 1970. Reject one that is more than five minutes off.',
  'webhook-signature':
    '`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. After a secret rotation: two signatures, separated by a space.',
};

/** The events sent to webhook endpoints: the `webhooks` section of OpenAPI 3.1. */
export function describeEvents(document: OpenAPIObject, events: EventDefinition[], convert: Convert): void {
  const webhooks = events
    .filter(({ isPublic }) => isPublic)
    .toSorted((a, b) => a.type.localeCompare(b.type))
    .map(({ type, summary, data, examples: names }) => {
      const payload = z
        .object({ type: z.literal(type), timestamp: z.iso.datetime(), data })
        .register(examples, eventExamples(type, data));
      const { schema, components } = convert(payload);
      Object.assign(document.components!.schemas!, components);
      const content = { 'application/json': { schema } };
      placeExamples(content, names);
      return [type, { post: operation(type, summary, content) }] as const;
    });
  Object.assign(document, { webhooks: Object.fromEntries(webhooks) });
}

const eventExamples = (type: string, data: z.ZodType) =>
  Object.fromEntries(
    Object.entries(examplesOf(data)).map(([name, value]) => [
      name,
      { type, timestamp: sample.later, data: value },
    ]),
  );

const operation = (type: string, summary: string, content: object) => ({
  operationId: `event_${type.replace(/\W/g, '_')}`,
  summary,
  description:
    'Respond with a 2xx within ten seconds. Otherwise the event is sent again, with growing delays. Verify the signature ' +
    'before you use the body.',
  // Your server identifies the sender by the signature, not by a token.
  security: [],
  parameters: Object.entries(HEADERS).map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  })),
  requestBody: { required: true, content },
  responses: {
    '2XX': { description: 'The event was received.' },
    '410': { description: 'The endpoint is gone: it is disabled at once.' },
    default: { description: 'The event was not received and is sent again. Redirects are not followed.' },
  },
});
