import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text, timestampSchema } from '../../platform/http/schemas.ts';
import { deliveryStatuses } from './webhook-delivery.entity.ts';
import { URL_MAX } from './webhook-endpoint-rules.service.ts';
import { disabledReasons, webhookScopes } from './webhook-endpoint.entity.ts';

const DESCRIPTION_MAX = 200;
const EVENT_TYPE_MAX = 64;

export const webhookEndpointIdSchema = idSchema;

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
  .meta({ id: 'WebhookEndpoint' });

export const webhookEndpointWithSecretSchema = webhookEndpointSchema
  .extend({
    secret: z.string().describe('Signs the deliveries. Returned only when it is created or rotated.'),
  })
  .meta({ id: 'WebhookEndpointWithSecret' });

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
    .describe('own: events of its owner. all: events of all users, for administrators.'),
};

export const createWebhookEndpointSchema = z
  .strictObject({
    ...fields,
    description: fields.description.default(''),
    enabled: fields.enabled.default(true),
    scope: fields.scope.default('own'),
  })
  .meta({ id: 'CreateWebhookEndpoint' });
export type CreateWebhookEndpoint = z.output<typeof createWebhookEndpointSchema>;

export const updateWebhookEndpointSchema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'UpdateWebhookEndpoint' });
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
  .meta({ id: 'WebhookDelivery' });

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
  .meta({ id: 'WebhookAttempt' });

export const webhookAttemptsQuerySchema = pageQuery(['createdAt'], {});
export type WebhookAttemptsQuery = z.output<typeof webhookAttemptsQuerySchema>;

export const redeliverManySchema = z
  .strictObject({
    from: instantSchema.describe('Start of the period in which the events occurred.'),
    to: instantSchema.describe('End of the period.'),
    status: z.enum(['failed', 'delivered']).default('failed'),
  })
  .meta({ id: 'RedeliverMany' });
export type RedeliverMany = z.output<typeof redeliverManySchema>;

export const redeliveredSchema = z
  .object({ count: z.int().describe('The number of deliveries that are sent again.') })
  .meta({ id: 'Redelivered' });
