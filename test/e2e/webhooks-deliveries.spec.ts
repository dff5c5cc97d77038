import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  createEndpoint,
  deliveriesOf,
  endpointRow,
  passPause,
  rename,
  untilDelivery,
} from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { eventSchema } from '../support/openapi.ts';
import { backends } from '../support/queue-data.ts';
import { isAuthentic, Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

describe.each(backends)('webhook deliveries on %s', (backend) => {
  let app: TestApp;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await Receiver.start();
    app = await TestApp.start({
      backend,
      worker: true,
      settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host },
    });
  });

  afterAll(async () => {
    await app.stop();
    await receiver.stop();
  });

  /** A path that no other test uses. */
  const newPath = () => `/${randomUUID()}`;

  it('send the signed event with the correlation id of its cause', async () => {
    const owner = await signedIn(app);
    const path = newPath();
    const { id, secret } = await createEndpoint(owner, receiver.url(path));

    const correlationId = randomUUID();
    await owner.patch('/v1/users/me', { displayName: 'Ada' }).set('x-correlation-id', correlationId);

    const event = await receiver.next(path);
    expect(isAuthentic(event, secret)).toBe(true);
    expect(event.headers).toMatchObject({
      'content-type': 'application/json',
      'x-correlation-id': correlationId,
    });
    expect(event.headers['webhook-id']).not.toContain('.');
    expect(JSON.parse(event.body)).toMatchObject({
      type: 'user.updated',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: { id: owner.user.id, displayName: 'Ada', email: owner.user.email },
    });
    expect(event.body).not.toMatch(/password|version/i);
    expect(eventSchema('user.updated').safeParse(JSON.parse(event.body)).error).toBeUndefined();
    const delivery = await untilDelivery(app, { id, secret }, ({ status }) => status === 'delivered');
    expect(delivery).toMatchObject({
      eventId: event.headers['webhook-id'],
      attempts: 1,
      lastStatusCode: 204,
      lastError: null,
      nextAttemptAt: null,
    });
  });

  it('are rejected by a receiver if one byte differs', async () => {
    const owner = await signedIn(app);
    const path = newPath();
    const { secret } = await createEndpoint(owner, receiver.url(path));
    await rename(owner);

    const event = await receiver.next(path);

    expect(isAuthentic({ ...event, body: `${event.body} ` }, secret)).toBe(false);
    expect(isAuthentic(event, `whsec_${Buffer.alloc(32).toString('base64')}`)).toBe(false);
  });

  it('are not created when a change rolls back', async () => {
    const owner = await signedIn(app);
    const endpoint = await createEndpoint(owner, receiver.url(newPath()));

    const { status } = await owner.patch('/v1/users/me', { displayName: 'Never' }).set('if-match', '"999"');

    expect(status).toBe(412);
    expect(await deliveriesOf(app, endpoint)).toEqual([]);
  });

  it('are repeated with the same id and body and a new timestamp', async () => {
    const owner = await signedIn(app);
    const path = newPath();
    receiver.answer(path, 500);
    const endpoint = await createEndpoint(owner, receiver.url(path));
    await rename(owner);

    const failed = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);
    receiver.answer(path, 200);
    await until(() => Date.now() - receiver.at(path)[0]!.at > 1_000, 'the clock to go on by a second');
    await passPause(app, failed);

    const delivered = await untilDelivery(app, endpoint, ({ status }) => status === 'delivered');
    const [first, second] = receiver.at(path);
    expect(failed).toMatchObject({ status: 'pending', lastStatusCode: 500 });
    expect(delivered.attempts).toBe(2);
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(second!.headers['webhook-timestamp']).not.toBe(first!.headers['webhook-timestamp']);
    expect(second!.body).toBe(first!.body);
    expect(isAuthentic(second!, endpoint.secret)).toBe(true);
    expect((await endpointRow(app, endpoint.id)).failingSince).toBeNull();
  });

  it('fail after ten attempts at the scheduled times', async () => {
    const owner = await signedIn(app);
    const path = newPath();
    receiver.answer(path, 500);
    const endpoint = await createEndpoint(owner, receiver.url(path));
    await rename(owner);

    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === attempt);
      pauses.push((delivery.nextAttemptAt!.getTime() - Date.now()) / 1_000);
      await passPause(app, delivery);
    }

    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 10);
    expect(delivery).toMatchObject({ status: 'failed', nextAttemptAt: null, lastError: expect.any(String) });
    const schedule = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (const [index, seconds] of schedule.entries()) {
      // One or two seconds pass between the attempt and the check.
      expect(pauses[index]).toBeGreaterThan(seconds * 0.8 - 3);
      expect(pauses[index]).toBeLessThanOrEqual(seconds * 1.2);
    }
  });

  it('restart under the same id when they are requested again', async () => {
    const owner = await signedIn(app);
    const path = newPath();
    const endpoint = await createEndpoint(owner, receiver.url(path));
    await rename(owner);
    const { id } = await untilDelivery(app, endpoint, ({ status }) => status === 'delivered');

    const answer = await owner.post(`/v1/webhook-deliveries/${id}/redeliver`);

    await receiver.next(path, 2);
    const [first, second] = receiver.at(path);
    expect(answer.status).toBe(202);
    expect(answer.body.data).toMatchObject({ id, status: 'pending' });
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    await untilDelivery(app, endpoint, ({ status, attempts }) => status === 'delivered' && attempts === 2);
    expect(await deliveriesOf(app, endpoint)).toHaveLength(1);
  });
});
