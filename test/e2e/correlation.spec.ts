import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { untilJob } from '../factories/job.factory.ts';
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
let api: Program;
let worker: Program;

beforeAll(async () => {
  receiver = await Receiver.start();
  const settings = { WEBHOOK_ALLOW_PRIVATE: receiver.host };
  app = await TestApp.start({ settings });
  api = await app.startAnother();
  worker = await app.startAnotherWorker();
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

describe('the correlation id of a request', () => {
  it('is in its response, its job, the webhook about the job, and each line of both logs', async () => {
    const who = await signedIn(app);
    await createEndpoint(who, receiver.url('/ended'), { eventTypes: ['job.completed'] });

    const answer = await who
      .post('/v1/jobs', { type: 'user-export' }, api)
      .set({ 'x-correlation-id': ID, traceparent: TRACEPARENT });
    const { id } = answer.body.data;
    await untilJob(app, id, 'completed');
    const { headers } = await receiver.next('/ended');

    const lines = await until(() => {
      const found = worker.lines().filter(({ msg }) => ['Job completed', 'Webhook delivered'].includes(msg));
      return found.length === 2 && found;
    }, 'the lines of the job and of the delivery');
    expect(answer.headers['x-correlation-id']).toBe(ID);
    const jobs = await app.db.query<{ correlation_id: string }[]>('SELECT * FROM jobs');
    expect(jobs.map(({ correlation_id }) => correlation_id)).toEqual([ID]);
    expect(headers).toMatchObject({
      'x-correlation-id': ID,
      traceparent: expect.stringContaining(TRACE_ID),
    });
    expect(lines.map(({ correlationId }) => correlationId)).toEqual([ID, ID]);
    expect(
      api.lines().filter(({ msg, correlationId }) => msg === 'request' && correlationId === ID),
    ).toHaveLength(1);
  });
});
