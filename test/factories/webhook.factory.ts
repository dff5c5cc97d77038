import { randomUUIDv7 } from 'node:crypto';
import { WebhookDelivery } from '../../src/webhooks/outbound/webhook-delivery.entity.ts';
import { WebhookEndpoint } from '../../src/webhooks/outbound/webhook-endpoint.entity.ts';
import type { TestApp } from '../support/app.ts';
import type { SignedIn } from '../support/client.ts';
import { times, until } from '../support/until.ts';

export interface TestEndpoint {
  id: string;
  secret: string;
}

/** Creates an endpoint through the API. */
export async function createEndpoint(
  owner: SignedIn,
  url: string,
  fields: Record<string, unknown> = {},
): Promise<TestEndpoint> {
  const { status, text, body } = await owner.post('/v1/webhook-endpoints', {
    url,
    eventTypes: ['user.updated'],
    ...fields,
  });
  if (status !== 201) throw new Error(`Creating the endpoint failed: ${status} ${text}`);
  return (body as { data: TestEndpoint }).data;
}

/** Changes the user, which is an event for their endpoints. */
export async function rename(user: SignedIn, displayName = 'New Name'): Promise<void> {
  const { status, text } = await user.patch('/v1/users/me', { displayName });
  if (status !== 200) throw new Error(`The change failed: ${status} ${text}`);
}

export const endpointRow = (app: TestApp, id: string): Promise<WebhookEndpoint> =>
  app.db.getRepository(WebhookEndpoint).findOneByOrFail({ id });

export const deliveriesOf = (app: TestApp, { id }: TestEndpoint): Promise<WebhookDelivery[]> =>
  app.db
    .getRepository(WebhookDelivery)
    .find({ where: { endpointId: id }, order: { createdAt: 'ASC', id: 'ASC' } });

/** Inserts deliveries without sending them. Returns their event ids. */
export async function createDeliveries(
  app: TestApp,
  endpoint: TestEndpoint,
  { count = 1, status = 'failed', createdAt = new Date() }: Partial<WebhookDelivery> & { count?: number },
): Promise<string[]> {
  const rows = times(count, () => ({
    id: randomUUIDv7(),
    endpointId: endpoint.id,
    eventId: randomUUIDv7(),
    eventType: 'user.updated',
    payload: '{}',
    correlationId: 'test',
    status,
    createdAt,
  }));
  await app.db.getRepository(WebhookDelivery).insert(rows);
  return rows.map(({ eventId }) => eventId);
}

/** Inserts a delivery with attempts. Returns its id. */
export async function createDeliveryWithAttempts(
  app: TestApp,
  endpoint: TestEndpoint,
  attempts: number,
): Promise<string> {
  const [eventId] = await createDeliveries(app, endpoint, {});
  const { id } = await app.db.getRepository(WebhookDelivery).findOneByOrFail({ eventId: eventId! });
  await app.db.query(
    `INSERT INTO webhook_attempts (id, delivery_id, duration_ms, response)
     SELECT gen_random_uuid(), $1, 1, '' FROM generate_series(1, $2::int)`,
    [id, attempts],
  );
  return id;
}

/** Waits until the newest delivery to the endpoint matches. */
export function untilDelivery(
  app: TestApp,
  endpoint: TestEndpoint,
  isSo: (delivery: WebhookDelivery) => boolean,
): Promise<WebhookDelivery> {
  return until(async () => {
    const delivery = (await deliveriesOf(app, endpoint)).at(-1);
    return delivery && isSo(delivery) && delivery;
  }, 'a delivery to be in the state that the test waits for');
}

/** Skips the delay before the next attempt. */
export async function passPause(app: TestApp, { id }: WebhookDelivery): Promise<void> {
  await app.db.getRepository(WebhookDelivery).update({ id }, { nextAttemptAt: new Date() });
}
