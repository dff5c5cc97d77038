import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const ID = 'one-for-all.1';
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;

let app: TestApp;
let receiver: Receiver;
let worker: Program;

beforeAll(async () => {
  receiver = await Receiver.start();
  app = await TestApp.start({ settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host } });
  worker = await app.startAnotherWorker();
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

describe('the correlation id of a request', () => {
  it('is in the webhook about its job, and in the log line of the delivery', async () => {
    const who = await signedIn(app);
    await createEndpoint(who, receiver.url('/ended'), { eventTypes: ['job.completed'] });

    await who
      .post('/v1/jobs', { type: 'user-export' })
      .set({ 'x-correlation-id': ID, traceparent: TRACEPARENT });

    const { headers } = await receiver.next('/ended');
    const delivered = await until(
      () => worker.lines().find(({ msg }) => msg === 'Webhook delivered'),
      'the line of the delivery',
    );
    expect(headers).toMatchObject({
      'x-correlation-id': ID,
      traceparent: expect.stringContaining(TRACE_ID),
    });
    expect(delivered['correlationId']).toBe(ID);
  });
});
