import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DomainEvents } from '../../src/platform/events/domain-events.ts';
import { userUpdated } from '../../src/users/users.events.ts';
import { userView } from '../../src/users/users.schemas.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { backends } from '../support/queue-data.ts';
import { Receiver } from '../support/receiver.ts';
import { times } from '../support/until.ts';

const EVENTS = 100;
const HEALTHY = 9;
/** What the busiest of machines adds to what is being compared. */
const SLACK_MS = 5_000;

/** The places are counted in our own tables, so any queue will do. */
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

describe('webhook deliveries', () => {
  /** A hundred events to each of nine healthy receivers, and to one that hangs: how long they took, in the order of arrival. */
  async function deliver(hanging: string | null): Promise<number[]> {
    const owner = await signedIn(app);
    const paths = times(HEALTHY, (n) => `/${owner.user.id}/${n}`);
    for (const path of hanging ? [hanging, ...paths] : paths) await createEndpoint(owner, receiver.url(path));
    const occurrence = { userId: owner.user.id, data: userView(owner.user) as never };
    const events = app.api.get(DomainEvents);
    for (const tenth of times(10, () => times(EVENTS / 10, () => occurrence)))
      await app.db.transaction((tx) => events.emitAll(userUpdated, tenth, tx));

    await Promise.all(paths.map((path) => receiver.next(path, EVENTS, 60_000)));
    const arrived = paths.flatMap((path) => receiver.at(path));
    expect(new Set(arrived.map(({ path, headers }) => `${path} ${String(headers['webhook-id'])}`)).size).toBe(
      EVENTS * HEALTHY,
    );
    return arrived
      .map(({ body, at }) => at - Date.parse(JSON.parse(body).timestamp))
      .toSorted((a, b) => a - b);
  }

  const slowest = (sorted: number[]): number => sorted[Math.floor(sorted.length * 0.99)]!;

  it('take no longer to healthy receivers because another one hangs', async () => {
    const alone = slowest(await deliver(null));
    const hanging = '/hanging';
    receiver.behave(hanging, () => undefined);

    const besides = slowest(await deliver(hanging));

    expect(besides).toBeLessThan(2 * alone + SLACK_MS);
    // Five at once, and one at a time once they have failed.
    expect(receiver.at(hanging).length).toBeGreaterThanOrEqual(1);
    expect(receiver.at(hanging).length).toBeLessThanOrEqual(12);
  }, 150_000);
});
