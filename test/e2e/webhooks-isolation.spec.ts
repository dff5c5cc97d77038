import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DomainEvents } from '../../src/platform/events/domain-events.ts';
import { userCreated, userUpdated } from '../../src/users/users.events.ts';
import { UsersService } from '../../src/users/users.service.ts';
import { createEndpoint, deliveriesOf, rename } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import { type ReceivedEvent, Receiver } from '../support/receiver.ts';
import { times } from '../support/until.ts';

const EVENTS = 100;
const HEALTHY = 9;
/** Tolerance for busy machines. */
const SLACK_MS = 5_000;
const ENDPOINTS_MAX = 20;
/** Generous: without limits per owner, the deliveries took two minutes. */
const ATTACKERS_PATIENCE_MS = 20_000;

/** The slots are in our tables, so one queue backend is enough. */
const backend = backends.at(-1)!;

let app: TestApp;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  app = await TestApp.start({ backend, worker: true, settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host } });
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

/** Creates this many events of a user, ten at a time. */
async function tell({ user }: SignedIn, count: number): Promise<void> {
  const occurrence = { userId: user.id, data: app.api.get(UsersService).view(user) as never };
  const events = app.api.get(DomainEvents);
  for (const ten of times(count / 10, () => times(10, () => occurrence)))
    await app.db.transaction((tx) => events.emitAll(userUpdated, ten, tx));
}

describe('webhook deliveries', () => {
  /** Sends 100 events to nine healthy receivers and a hanging one. Returns the delays in order of arrival. */
  async function deliver(hanging: string | null): Promise<number[]> {
    const owner = await signedIn(app);
    const paths = times(HEALTHY, (n) => `/${owner.user.id}/${n}`);
    for (const path of hanging ? [hanging, ...paths] : paths) await createEndpoint(owner, receiver.url(path));
    await tell(owner, EVENTS);

    await Promise.all(paths.map((path) => receiver.next(path, EVENTS, 100_000)));
    const arrived = paths.flatMap((path) => receiver.at(path));
    expect(new Set(arrived.map(({ path, headers }) => `${path} ${String(headers['webhook-id'])}`)).size).toBe(
      EVENTS * HEALTHY,
    );
    return arrived
      .map(({ body, at }) => at - Date.parse(JSON.parse(body).timestamp))
      .toSorted((a, b) => a - b);
  }

  const slowest = (sorted: number[]): number => sorted[Math.floor(sorted.length * 0.99)]!;

  it('to healthy receivers are not delayed by a hanging one', async () => {
    const alone = slowest(await deliver(null));
    const hanging = '/hanging';
    receiver.behave(hanging, () => undefined);

    const besides = slowest(await deliver(hanging));

    expect(besides).toBeLessThan(2 * alone + SLACK_MS);
    // Five in parallel, then one at a time after failures.
    expect(receiver.at(hanging).length).toBeGreaterThanOrEqual(1);
    expect(receiver.at(hanging).length).toBeLessThanOrEqual(12);
  }, 240_000);

  it('of many events are stored with few statements', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const fields = { eventTypes: ['user.created'], scope: 'all' };
    const endpoints = await Promise.all(
      times(5, () => createEndpoint(admin, 'https://example.com/', fields)),
    );
    const occurrence = { userId: admin.user.id, data: app.api.get(UsersService).view(admin.user) as never };
    const statements = (count: number) =>
      app.db.transaction(async (tx) => {
        const query = jest.spyOn(tx.queryRunner!, 'query');
        await app.api.get(DomainEvents).emitAll(
          userCreated,
          times(count, () => occurrence),
          tx,
        );
        return query.mock.calls.length;
      });

    const [forOne, forHundred] = [await statements(1), await statements(100)];

    expect(forHundred).toBe(forOne);
    const deliveries = await Promise.all(endpoints.map((endpoint) => deliveriesOf(app, endpoint)));
    expect(deliveries.map(({ length }) => length)).toEqual(times(5, () => 101));
    await app.db.query(`UPDATE webhook_endpoints SET enabled = false WHERE user_id = $1`, [admin.user.id]);
  });

  it('to other users are not delayed by a user with twenty slow receivers', async () => {
    const slowOwner = await signedIn(app);
    const slow = '/slow';
    // Not a failure: it responds just within the timeout.
    receiver.behave(slow, (_, response) => void setTimeout(() => response.writeHead(200).end(), 9_500));
    for (const _ of times(ENDPOINTS_MAX, () => slow)) await createEndpoint(slowOwner, receiver.url(slow));
    await tell(slowOwner, 30);
    const other = await signedIn(app);
    const path = '/other';
    await createEndpoint(other, receiver.url(path));

    for (const round of [1, 2, 3]) {
      await rename(other, `Name ${round}`);
      await receiver.next(path, round, ATTACKERS_PATIENCE_MS);
    }

    expect(receiver.at(slow).length).toBeGreaterThan(0);
    expect(mostAtOnce(receiver.at(slow), 9_000)).toBeLessThanOrEqual(10);
  }, 240_000);
});

/** The largest number of requests within one response time. */
const mostAtOnce = (events: ReceivedEvent[], ms: number): number =>
  Math.max(...events.map(({ at }) => events.filter((other) => other.at >= at && other.at < at + ms).length));
