import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text, timestampSchema } from '../../platform/http/schemas.ts';
import { examples, sample } from '../../platform/openapi/examples.ts';
import { deliveryStatuses } from './webhook-delivery.entity.ts';
import { URL_MAX } from './webhook-endpoint-rules.service.ts';
import { disabledReasons, webhookScopes } from './webhook-endpoint.entity.ts';

const DESCRIPTION_MAX = 200;
const EVENT_TYPE_MAX = 64;

export const webhookEndpointIdSchema = idSchema;

const enabledExample = {
  id: sample.id,
  url: 'https://example.com/hooks',
  eventTypes: ['job.completed', 'job.failed'],
  description: 'Exports',
  enabled: true,
  disabledReason: null,
  scope: 'own' as const,
  createdAt: sample.earlier,
  updatedAt: sample.earlier,
};

export const webhookEndpointSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    eventTypes: z.array(z.string()),
    description: z.string(),
    enabled: z.boolean(),
    disabledReason: z.enum(disabledReasons).nullable().describe('Why it was disabled, if not by its owner.'),
    scope: z.enum(webhookScopes),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: 'WebhookEndpoint' })
  .register(examples, {
    Enabled: enabledExample,
  });

export const webhookEndpointWithSecretSchema = webhookEndpointSchema
  .extend({
    secret: z.string().describe('Signs the deliveries. Returned only when it is created or rotated.'),
  })
  .meta({ id: 'WebhookEndpointWithSecret' })
  .register(examples, {
    Enabled: {
      ...enabledExample,
      secret: 'whsec_bm90IGEgcmVhbCBzZWNyZXQsIGp1c3QgYSBzYW1wbGU=',
    },
  });

/** The service checks the types against the registered events. */
const eventTypesSchema = z
  .array(text({ max: EVENT_TYPE_MAX }))
  .min(1)
  .max(50)
  .transform((types) => [...new Set(types)])
  .pipe(z.array(z.string()));

const fields = {
  url: text({ min: 1, max: URL_MAX }),
  eventTypes: eventTypesSchema,
  description: text({ max: DESCRIPTION_MAX }),
  enabled: z.boolean(),
  scope: z
    .enum(webhookScopes)
    .describe(
      'own: events of its owner. all: events of all users. Needs the permission `webhooks:receive-all`.',
    ),
};

export const createWebhookEndpointSchema = z
  .strictObject({
    ...fields,
    description: fields.description.default(''),
    enabled: fields.enabled.default(true),
    scope: fields.scope.default('own'),
  })
  .meta({ id: 'CreateWebhookEndpoint' })
  .register(examples, {
    'Events of your own jobs': {
      url: 'https://example.com/hooks',
      eventTypes: ['job.completed', 'job.failed'],
      description: 'Exports',
    },
    'Events of all users, as an administrator': {
      url: 'https://example.com/hooks',
      eventTypes: ['user.created', 'user.deleted'],
      scope: 'all',
    },
  });
export type CreateWebhookEndpoint = z.output<typeof createWebhookEndpointSchema>;

export const updateWebhookEndpointSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateWebhookEndpoint' })
  .register(examples, { 'Other events': { eventTypes: ['job.failed'] }, Disable: { enabled: false } });
export type UpdateWebhookEndpoint = z.output<typeof updateWebhookEndpointSchema>;

export const webhookEndpointsQuerySchema = pageQuery(['createdAt'], {});
export type WebhookEndpointsQuery = z.output<typeof webhookEndpointsQuerySchema>;

export const webhookDeliverySchema = z
  .object({
    id: z.string(),
    endpointId: z.string(),
    eventId: z.string().describe('The webhook-id header of every attempt.'),
    eventType: z.string(),
    status: z.enum(deliveryStatuses),
    attempts: z.int(),
    lastStatusCode: z.int().nullable(),
    lastDurationMs: z.int().nullable(),
    lastError: z.string().nullable(),
    nextAttemptAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
    deliveredAt: timestampSchema.nullable(),
  })
  .meta({ id: 'WebhookDelivery' })
  .register(examples, {
    Delivered: {
      id: sample.id,
      endpointId: '0199a3be-1f20-7e31-8d42-9c53ae64bf75',
      eventId: '0199a3c1-6e01-7f12-a034-b156c278d39a',
      eventType: 'job.completed',
      status: 'delivered',
      attempts: 1,
      lastStatusCode: 204,
      lastDurationMs: 83,
      lastError: null,
      nextAttemptAt: null,
      createdAt: sample.earlier,
      deliveredAt: '2026-11-28T09:30:00.310Z',
    },
    'Waiting for a retry': {
      id: '0199a3c1-6e02-7a45-b167-c289d30ae41b',
      endpointId: '0199a3be-1f20-7e31-8d42-9c53ae64bf75',
      eventId: '0199a3c1-6e02-7b56-8278-d39ae41bf52c',
      eventType: 'job.failed',
      status: 'pending',
      attempts: 1,
      lastStatusCode: 503,
      lastDurationMs: 127,
      lastError: 'The response has the status 503.',
      nextAttemptAt: sample.later,
      createdAt: sample.earlier,
      deliveredAt: null,
    },
    Pending: {
      id: '0199a3c1-6e02-7c67-9389-e4abf52c0631',
      endpointId: '0199a3be-1f20-7e31-8d42-9c53ae64bf75',
      eventId: '0199a3c1-6e01-7f12-a034-b156c278d39a',
      eventType: 'ping',
      status: 'pending',
      attempts: 0,
      lastStatusCode: null,
      lastDurationMs: null,
      lastError: null,
      nextAttemptAt: sample.earlier,
      createdAt: sample.earlier,
      deliveredAt: null,
    },
  });

export const webhookDeliveriesQuerySchema = pageQuery(['createdAt'], {
  status: z.enum(deliveryStatuses).optional(),
});
export type WebhookDeliveriesQuery = z.output<typeof webhookDeliveriesQuerySchema>;

export const webhookAttemptSchema = z
  .object({
    id: z.string(),
    statusCode: z.int().nullable(),
    durationMs: z.int(),
    error: z.string().nullable().describe('Null after a 2xx response.'),
    response: z.string().describe('The first 4 KiB of the response body.'),
    createdAt: timestampSchema,
  })
  .meta({ id: 'WebhookAttempt' })
  .register(examples, {
    Accepted: {
      id: sample.id,
      statusCode: 204,
      durationMs: 83,
      error: null,
      response: '',
      createdAt: sample.later,
    },
    Rejected: {
      id: '0199a3c1-6e02-7a45-b167-c289d30ae41b',
      statusCode: 503,
      durationMs: 127,
      error: 'The response has the status 503.',
      response: 'Try again later.',
      createdAt: sample.earlier,
    },
  });

export const webhookAttemptsQuerySchema = pageQuery(['createdAt'], {});
export type WebhookAttemptsQuery = z.output<typeof webhookAttemptsQuerySchema>;

export const redeliverManySchema = z
  .strictObject({
    from: instantSchema.describe('Start of the period in which the events occurred.'),
    to: instantSchema.describe('End of the period.'),
    status: z.enum(['failed', 'delivered']).default('failed'),
  })
  .meta({ id: 'RedeliverMany' })
  .register(examples, {
    'Failed events of an outage': { from: sample.earlier, to: sample.later },
    'Delivered events, again': { from: sample.earlier, to: sample.later, status: 'delivered' },
  });
export type RedeliverMany = z.output<typeof redeliverManySchema>;

export const redeliveredSchema = z
  .object({ count: z.int().describe('The number of deliveries that are sent again.') })
  .meta({ id: 'Redelivered' })
  .register(examples, { 'Three events': { count: 3 } });
