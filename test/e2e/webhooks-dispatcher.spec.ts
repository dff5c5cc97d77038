import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { DomainEvents } from '../../src/platform/events/domain-events.ts';
import { userUpdated } from '../../src/users/users.events.ts';
import { UsersService } from '../../src/users/users.service.ts';
import {
  createEndpoint,
  deliveriesOf,
  endpointRow,
  rename,
  type TestEndpoint,
  untilDelivery,
} from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { Receiver } from '../support/receiver.ts';
import { times, until } from '../support/until.ts';

const ENDPOINTS_PER_USER = 20;
const PENDING_MAX = 10_000;

let app: TestApp;
let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.start();
  app = await TestApp.start({ settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host } });
});

afterEach(async () => {
  await receiver.stop();
  await app.stop();
});

/** Creates this many events of a user in one transaction. */
async function createEvents({ user }: SignedIn, count: number): Promise<void> {
  const occurrence = { userId: user.id, data: app.api.get(UsersService).view(user) as never };
  const occurrences = times(count, () => occurrence);
  await app.db.transaction((tx) => app.api.get(DomainEvents).emitAll(userUpdated, occurrences, tx));
}

/** An endpoint of a new user. */
async function newEndpoint(): Promise<{ owner: SignedIn; endpoint: TestEndpoint; path: string }> {
  const owner = await signedIn(app);
  const path = `/${randomUUID()}`;
  return { owner, path, endpoint: await createEndpoint(owner, receiver.url(path)) };
}

/** The receiver keeps requests at this path open until the returned function is called. */
function holdResponses(path: string): () => void {
  const released = Promise.withResolvers<void>();
  receiver.behave(path, (_, response) => void released.promise.then(() => response.writeHead(204).end()));
  return () => released.resolve();
}

const idsAt = (path: string): string[] =>
  receiver.at(path).map(({ headers }) => String(headers['webhook-id']));

describe('the webhook dispatcher', () => {
  it('delivers to other owners first while one owner has 20 hanging endpoints and a backlog', async () => {
    const slow = await signedIn(app);
    receiver.behave('/hanging', () => undefined);
    for (const _ of times(ENDPOINTS_PER_USER, () => null))
      await createEndpoint(slow, receiver.url('/hanging'));
    await createEvents(slow, 150);
    const { owner, path } = await newEndpoint();
    await app.startWorker();
    await receiver.next('/hanging');

    for (const round of times(10, (n) => n + 1)) {
      await rename(owner, `Name ${round}`);
      await receiver.next(path, round);
    }

    const [backlog] = await app.db.query(
      `SELECT count(*) FILTER (WHERE attempts = 0)::int AS untouched, max(leased)::int AS leased FROM (
         SELECT delivery.attempts, count(*) FILTER (WHERE leased_until > now()) OVER () AS leased
         FROM webhook_deliveries delivery JOIN webhook_endpoints endpoint ON endpoint.id = endpoint_id
         WHERE user_id = $1
       ) AS delivery`,
      [slow.user.id],
    );
    // The backlog is older than the ten events of the other owner.
    expect(backlog.untouched).toBeGreaterThan(2_900);
    expect(backlog.leased).toBeLessThanOrEqual(10);
  }, 60_000);

  it('sends to each endpoint of an owner before it sends a second time to one', async () => {
    const owner = await signedIn(app);
    const paths = times(10, () => `/${randomUUID()}`);
    for (const path of paths) await createEndpoint(owner, receiver.url(path));
    for (const path of paths) holdResponses(path);
    await createEvents(owner, 20);

    await app.startWorker();
    await until(() => receiver.events.length === 10, 'ten attempts');

    expect(new Set(receiver.events.map(({ path }) => path)).size).toBe(10);
  });

  it('loses nothing when a worker is killed, and repeats only what was in flight', async () => {
    const { owner, endpoint, path } = await newEndpoint();
    await createEvents(owner, 40);
    const release = holdResponses(path);
    const worker = await app.startAnotherWorker();
    await until(() => receiver.at(path).length === 5, 'five attempts in flight');
    worker.process.kill('SIGKILL');
    await worker.exited;
    const inFlight = idsAt(path);

    release();
    // Ends the lease now, so that the test does not wait for it.
    await app.db.query(`UPDATE webhook_deliveries SET leased_until = now() WHERE leased_until IS NOT NULL`);
    await app.startAnotherWorker();
    await until(
      async () => (await deliveriesOf(app, endpoint)).every(({ status }) => status === 'delivered'),
      'every event to be delivered',
    );

    const received = idsAt(path);
    expect(new Set(received).size).toBe(40);
    expect(received).toHaveLength(45);
    const repeated = received.filter((id, index) => received.indexOf(id) !== index);
    expect(repeated.toSorted()).toEqual(inFlight.toSorted());
  }, 60_000);

  it('finishes attempts in flight when its worker shuts down', async () => {
    const { owner, endpoint, path } = await newEndpoint();
    const release = holdResponses(path);
    await createEvents(owner, 20);
    const worker = await app.startWorker();
    await until(() => receiver.at(path).length === 5, 'five attempts in flight');

    const closed = worker.close();
    release();
    await closed;

    const deliveries = await deliveriesOf(app, endpoint);
    expect(deliveries.filter(({ status }) => status === 'delivered')).toHaveLength(5);
    expect(deliveries.filter(({ leasedUntil }) => leasedUntil !== null)).toEqual([]);
  });

  it('releases attempts that exceed the shutdown deadline, and does not count them', async () => {
    const { owner, endpoint, path } = await newEndpoint();
    holdResponses(path);
    await rename(owner);
    const worker = await app.startWorker({ SHUTDOWN_DEADLINE_SECONDS: '3' });
    await receiver.next(path);

    await worker.close();

    expect(await deliveriesOf(app, endpoint)).toMatchObject([
      { status: 'pending', attempts: 0, isReady: true, leasedUntil: null },
    ]);
  });

  it('does not count a wait for a lock as an attempt, and serves other endpoints in that time', async () => {
    const [locked, other] = [await newEndpoint(), await newEndpoint()];
    const release = holdResponses(locked.path);
    await rename(locked.owner);
    await app.startWorker();
    await receiver.next(locked.path);

    await app.db.transaction(async (tx) => {
      await tx.query(`SELECT FROM webhook_deliveries WHERE endpoint_id = $1 FOR UPDATE`, [
        locked.endpoint.id,
      ]);
      release();
      for (const round of [1, 2, 3]) {
        await rename(other.owner, `Name ${round}`);
        await receiver.next(other.path, round);
      }
    });

    const delivery = await untilDelivery(app, locked.endpoint, ({ status }) => status === 'delivered');
    expect(delivery.attempts).toBe(1);
    expect(receiver.at(locked.path)).toHaveLength(1);
  });

  it('skips locked deliveries when it claims', async () => {
    const [locked, other] = [await newEndpoint(), await newEndpoint()];
    await rename(locked.owner);

    await app.db.transaction(async (tx) => {
      await tx.query(`SELECT FROM webhook_deliveries WHERE endpoint_id = $1 FOR UPDATE`, [
        locked.endpoint.id,
      ]);
      await app.startWorker();
      await rename(other.owner);
      await receiver.next(other.path);
      expect(receiver.at(locked.path)).toEqual([]);
    });

    const delivery = await untilDelivery(app, locked.endpoint, ({ status }) => status === 'delivered');
    expect(delivery.attempts).toBe(1);
  });

  it('sends nothing to suspended owners, and to former administrators only their own events', async () => {
    const [suspended, former] = [await newEndpoint(), await signedIn(app, { role: 'admin' })];
    const path = `/${randomUUID()}`;
    const endpoint = await createEndpoint(former, receiver.url(path), { scope: 'all' });
    await rename(suspended.owner);
    await rename(former);
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [suspended.owner.user.id]);
    await app.db.query(`UPDATE users SET role = 'user' WHERE id = $1`, [former.user.id]);

    await app.startWorker();

    const failed = await untilDelivery(app, suspended.endpoint, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ attempts: 0, lastError: 'The account is suspended.' });
    await untilDelivery(app, endpoint, ({ status }) => status === 'delivered');
    expect((await deliveriesOf(app, endpoint)).map(({ status }) => status)).toEqual(['failed', 'delivered']);
    expect(receiver.events).toHaveLength(1);
  });
});

describe('a webhook endpoint with 10,000 pending deliveries', () => {
  const fill = ({ id }: TestEndpoint, count: number) =>
    app.db.query(
      `INSERT INTO webhook_deliveries
         (id, endpoint_id, event_id, event_type, payload, correlation_id, is_ready, next_attempt_at)
       SELECT gen_random_uuid(), $1, gen_random_uuid(), 'user.updated', '{}', 'test', false, now() + interval '1 h'
       FROM generate_series(1, $2::int)`,
      [id, count],
    );

  it('is disabled at the next event, and its owner is notified', async () => {
    await app.startWorker();
    const { owner, endpoint } = await newEndpoint();
    await fill(endpoint, PENDING_MAX - 1);

    await rename(owner, 'Fits');
    const before = await endpointRow(app, endpoint.id);
    await fill(endpoint, 1);
    await rename(owner, 'Too many');

    expect(before.enabled).toBe(true);
    expect(await endpointRow(app, endpoint.id)).toMatchObject({ enabled: false, disabledReason: 'backlog' });
    expect(await deliveriesOf(app, endpoint)).toHaveLength(PENDING_MAX + 1);
    expect((await app.mailbox.next(owner.user.email)).subject).toContain('was disabled');
    const { body } = await owner.get('/v1/notifications');
    expect(body.data).toMatchObject([
      { type: 'webhook-endpoint-disabled', data: { endpointId: endpoint.id, reason: 'backlog' } },
    ]);
  });

  it('rejects redeliveries', async () => {
    const { owner, endpoint } = await newEndpoint();
    await fill(endpoint, PENDING_MAX);
    await app.db.query(
      `INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, payload, correlation_id, status)
       VALUES ($1, $2, gen_random_uuid(), 'user.updated', '{}', 'test', 'failed')`,
      [randomUUID(), endpoint.id],
    );
    const failed = (await deliveriesOf(app, endpoint)).find(({ status }) => status === 'failed');

    const { status, body } = await owner.post(`/v1/webhook-deliveries/${failed!.id}/redeliver`);

    expect([status, body.code]).toEqual([409, 'LIMIT_REACHED']);
  });

  it('accepts at most ten pending pings', async () => {
    const { owner, endpoint } = await newEndpoint();

    const responses = await Promise.all(
      times(12, () => owner.post(`/v1/webhook-endpoints/${endpoint.id}/ping`)),
    );

    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      ...times(10, () => 202),
      409,
      409,
    ]);
  });
});
