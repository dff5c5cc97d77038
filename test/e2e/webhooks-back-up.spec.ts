import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDeliveries, createEndpoint, deliveriesOf, rename } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { BackUps, RestoredSystem } from '../support/back-ups.ts';
import { signedIn } from '../support/client.ts';
import { failureOf } from '../support/project-copy.ts';
import { isAuthentic, Receiver } from '../support/receiver.ts';

const LIMIT_MS = 120_000;
const PATH = '/events';

describe('webhook deliveries of a restored back-up', () => {
  const backUps = new BackUps();
  let receiver: Receiver;
  let app: TestApp;
  let restored: RestoredSystem;

  beforeAll(async () => {
    receiver = await Receiver.start();
    app = await TestApp.start({ settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host } });
    restored = await RestoredSystem.prepare();
  });

  afterAll(async () => {
    await app.stop();
    await restored.drop();
    await receiver.stop();
    backUps.remove();
  });

  it(
    'are sent once, and those that were delivered are not sent again',
    async () => {
      const owner = await signedIn(app);
      const endpoint = await createEndpoint(owner, receiver.url(PATH));
      await createDeliveries(app, endpoint, { count: 3, status: 'delivered' });
      await rename(owner, 'Ada');
      const [waiting] = (await deliveriesOf(app, endpoint)).filter(({ status }) => status === 'pending');
      const file = backUps.file('with-deliveries');

      expect(failureOf(await backUps.backUp(app, file))).toBe('');
      expect(failureOf(await backUps.restore(file, restored.url))).toBe('');
      const receivedBefore = receiver.at(PATH).length;
      await app.startWorker(restored.settings);
      const event = await receiver.next(PATH, 1, LIMIT_MS);
      await restored.untilRow(
        `SELECT FROM webhook_deliveries WHERE id = $1 AND status = 'delivered'`,
        String(waiting?.id),
      );

      expect(receivedBefore).toBe(0);
      expect(event.headers['webhook-id']).toBe(waiting?.eventId);
      expect(isAuthentic(event, endpoint.secret)).toBe(true);
      expect(receiver.at(PATH)).toHaveLength(1);
    },
    LIMIT_MS,
  );
});
