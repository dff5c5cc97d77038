import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PurgeService } from '../../src/platform/retention/purge.service.ts';
import {
  createDeliveries,
  createEndpoint,
  deliveriesOf,
  endpointRow,
  passPause,
  rename,
  type TestEndpoint,
  untilDelivery,
} from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { Receiver } from '../support/receiver.ts';
import { times } from '../support/until.ts';

const HOUR_MS = 3_600_000;

let app: TestApp;
let receiver: Receiver;
let owner: SignedIn;

beforeAll(async () => {
  receiver = await Receiver.start();
  app = await TestApp.start({ worker: true, settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host } });
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

/** An endpoint of a new user, whose receiver fails until the test changes its response. */
async function failingEndpoint(): Promise<{ endpoint: TestEndpoint; path: string }> {
  owner = await signedIn(app);
  const path = `/${randomUUID()}`;
  receiver.answer(path, 500);
  return { endpoint: await createEndpoint(owner, receiver.url(path)), path };
}

describe('GET /v1/webhook-endpoints/{id}/deliveries', () => {
  it('lists deliveries by status and page', async () => {
    const { endpoint, path } = await failingEndpoint();
    receiver.answer(path, 204);
    await createDeliveries(app, endpoint, { status: 'delivered', count: 2 });
    await rename(owner);
    await untilDelivery(app, endpoint, ({ status }) => status === 'delivered');
    const address = `/v1/webhook-endpoints/${endpoint.id}/deliveries`;

    const first = await owner.get(`${address}?limit=2&status=delivered`);
    const second = await owner.get(
      `${address}?limit=2&status=delivered&cursor=${first.body.meta.nextCursor}`,
    );

    expect([first.body.data.length, second.body.data.length]).toEqual([2, 1]);
    expect(first.body.data[0]).toMatchObject({ eventType: 'user.updated', lastStatusCode: 204, attempts: 1 });
    expect(Object.keys(first.body.data[0])).not.toContain('payload');
    expect((await owner.get(`${address}?status=failed`)).body.data).toEqual([]);
  });
});

describe('GET /v1/webhook-deliveries/{id}/attempts', () => {
  it('lists each attempt with the start of the receiver’s response', async () => {
    const { endpoint, path } = await failingEndpoint();
    receiver.behave(path, (_, response) => void response.writeHead(500).end('x'.repeat(5_000)));
    await rename(owner);
    const failed = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);
    receiver.behave(path, (_, response) => void response.writeHead(200).end('thank you'));
    await passPause(app, failed);
    await untilDelivery(app, endpoint, ({ status }) => status === 'delivered');

    const { status, body } = await owner.get(`/v1/webhook-deliveries/${failed.id}/attempts`);

    expect(status).toBe(200);
    expect(body.data).toMatchObject([
      { statusCode: 200, error: null, response: 'thank you', durationMs: expect.any(Number) },
      { statusCode: 500, error: 'The receiver responded 500.', response: 'x'.repeat(4_096) },
    ]);
  });

  it('is available to the owner only', async () => {
    const { endpoint } = await failingEndpoint();
    await rename(owner);
    const { id } = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);
    const admin = await signedIn(app, { role: 'admin' });

    const answers = await Promise.all([
      admin.get(`/v1/webhook-deliveries/${id}/attempts`),
      owner.get(`/v1/webhook-deliveries/${randomUUID()}/attempts`),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });
});

describe('POST /v1/webhook-endpoints/{id}/redeliver', () => {
  const ask = ({ id }: TestEndpoint, body: object) =>
    owner.post(`/v1/webhook-endpoints/${id}/redeliver`, body);
  const lastHour = () => ({
    from: new Date(Date.now() - HOUR_MS).toISOString(),
    to: new Date(Date.now() + HOUR_MS).toISOString(),
  });

  it('repeats failed deliveries of that period, each under its id', async () => {
    const { endpoint, path } = await failingEndpoint();
    receiver.answer(path, 204);
    await createDeliveries(app, endpoint, { createdAt: new Date(Date.now() - 2 * HOUR_MS) });
    await createDeliveries(app, endpoint, { status: 'delivered' });
    const failed = await createDeliveries(app, endpoint, { count: 3 });

    const { status, body } = await ask(endpoint, lastHour());

    expect([status, body.data]).toEqual([202, { count: 3 }]);
    await receiver.next(path, 3);
    const ids = receiver.at(path).map(({ headers }) => String(headers['webhook-id']));
    expect(ids.toSorted()).toEqual(failed.toSorted());
  });

  it('repeats successful deliveries on request', async () => {
    const { endpoint, path } = await failingEndpoint();
    receiver.answer(path, 204);
    const [id] = await createDeliveries(app, endpoint, { status: 'delivered' });

    const { body } = await ask(endpoint, { ...lastHour(), status: 'delivered' });

    expect(body.data).toEqual({ count: 1 });
    expect((await receiver.next(path)).headers['webhook-id']).toBe(id);
  });

  it('sends all or none: more than 500 are rejected', async () => {
    const { endpoint } = await failingEndpoint();
    await createDeliveries(app, endpoint, { count: 501 });

    const { status, body } = await ask(endpoint, lastHour());

    expect([status, body.code]).toEqual([409, 'LIMIT_REACHED']);
    expect((await deliveriesOf(app, endpoint)).filter(({ status: found }) => found !== 'failed')).toEqual([]);
  });

  it('sends nothing to a disabled endpoint, or for an empty period', async () => {
    const { endpoint } = await failingEndpoint();
    await owner.patch(`/v1/webhook-endpoints/${endpoint.id}`, { enabled: false });

    const answers = await Promise.all([ask(endpoint, lastHour()), ask(endpoint, {})]);

    expect(answers.map(({ status }) => status)).toEqual([409, 422]);
  });
});

describe('a delivery', () => {
  it('that is redelivered while it is in flight is not sent twice in parallel', async () => {
    const { endpoint, path } = await failingEndpoint();
    receiver.behave(path, () => undefined);
    await rename(owner);
    await receiver.next(path);
    const [delivery] = await deliveriesOf(app, endpoint);

    for (const _ of times(5, () => null)) {
      const { status } = await owner.post(`/v1/webhook-deliveries/${delivery!.id}/redeliver`);
      expect(status).toBe(202);
    }
    // A delivery to another endpoint proves that the dispatcher has claimed again.
    const other = await failingEndpoint();
    await rename(owner);
    await receiver.next(other.path);

    expect(receiver.at(path)).toHaveLength(1);
  });

  it('that ends at an old URL does not change the state of the new one', async () => {
    const { endpoint, path } = await failingEndpoint();
    const released = Promise.withResolvers<void>();
    receiver.behave(path, (_, response) => void released.promise.then(() => response.writeHead(410).end()));
    await rename(owner);
    await receiver.next(path);

    await owner.patch(`/v1/webhook-endpoints/${endpoint.id}`, { url: receiver.url(`${path}/new`) });
    released.resolve();

    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);
    expect(delivery).toMatchObject({ status: 'pending', lastStatusCode: 410 });
    expect(await endpointRow(app, endpoint.id)).toMatchObject({ enabled: true, failingSince: null });
  });

  it('that fails after its endpoint was enabled again does not disable it at once', async () => {
    const { endpoint, path } = await failingEndpoint();
    const setFailingSince = (since: string) =>
      app.db.query(`UPDATE webhook_endpoints SET failing_since = ${since} WHERE id = $1`, [endpoint.id]);
    await setFailingSince(`now() - interval '5 days'`);
    const released = Promise.withResolvers<void>();
    receiver.behave(path, (_, response) => void released.promise.then(() => response.writeHead(500).end()));
    await rename(owner);
    await receiver.next(path);

    // As if the owner had enabled the endpoint again, and another attempt had failed.
    await setFailingSince('now()');
    released.resolve();

    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);
    expect(delivery).toMatchObject({ status: 'pending', lastStatusCode: 500 });
    expect(await endpointRow(app, endpoint.id)).toMatchObject({ enabled: true });
  });

  it('sends former administrators only their own events', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const path = `/${randomUUID()}`;
    await createEndpoint(admin, receiver.url(path), { scope: 'all' });

    await app.db.query(`UPDATE users SET role = 'user' WHERE id = $1`, [admin.user.id]);
    await rename(admin);

    expect(JSON.parse((await receiver.next(path)).body).data.id).toBe(admin.user.id);
  });

  it('fails without an attempt when its endpoint is disabled before it is due', async () => {
    const { endpoint, path } = await failingEndpoint();
    await rename(owner);
    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);

    await owner.patch(`/v1/webhook-endpoints/${endpoint.id}`, { enabled: false });
    await passPause(app, delivery);

    const failed = await untilDelivery(app, endpoint, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({
      attempts: 1,
      nextAttemptAt: null,
      lastError: 'The endpoint is disabled.',
    });
    expect(receiver.at(path)).toHaveLength(1);
  });

  it('is purged after 30 days, also if it is still pending', async () => {
    const { endpoint } = await failingEndpoint();
    const createdAt = new Date(Date.now() - 31 * 24 * HOUR_MS);
    await createDeliveries(app, endpoint, { status: 'pending', createdAt });

    await app.workers[0]!.get(PurgeService).purge();

    expect(await deliveriesOf(app, endpoint)).toEqual([]);
  });
});
