import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { isOf, OtlpReceiver } from '../support/otlp-receiver.ts';
import type { Program } from '../support/program.ts';
import { Receiver } from '../support/receiver.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let api: Program;
let collector: OtlpReceiver;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  collector = await OtlpReceiver.start();
  app = await TestApp.start({
    settings: { WEBHOOK_ALLOW_PRIVATE: receiver.host, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  });
  [api] = await Promise.all([app.startAnother(), app.startAnotherWorker()]);
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
  await collector.stop();
});

describe('the trace of a request', () => {
  it('continues at the receiver of the webhook about its job', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const who = await signedIn(app);
    const { secret } = await createEndpoint(who, receiver.url('/job'), { eventTypes: ['job.completed'] });

    await who
      .post('/v1/jobs', { type: 'user-export' }, api)
      .set({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, 'x-correlation-id': 'traced-job' });

    const { headers } = await receiver.next('/job');
    const attempt = await collector.find('POST webhook', isOf('traced-job'));
    const run = await collector.find('process user-export', isOf('traced-job'));
    expect(headers['traceparent']).toBe(`00-${traceId}-${attempt.spanId}-01`);
    expect(attempt).toMatchObject({
      traceId,
      parentSpanId: run.spanId,
      attributes: { 'http.request.method': 'POST', 'http.response.status_code': 204 },
    });
    for (const secretText of [who.user.id, who.user.email, who.accessToken, secret, receiver.host])
      expect(collector.text).not.toContain(secretText);
  });

  it('continues at the receiver of the webhook about its change', async () => {
    const who = await signedIn(app);
    await createEndpoint(who, receiver.url('/changed'));

    await app
      .http(api)
      .patch('/v1/users/me')
      .set({ authorization: `Bearer ${who.accessToken}`, 'x-correlation-id': 'traced-change' })
      .send({ displayName: 'Canary Name' });

    const { headers } = await receiver.next('/changed');
    const request = await collector.find('PATCH /v1/users/me', isOf('traced-change'));
    const attempt = await collector.find('POST webhook', isOf('traced-change'));
    const statement = await collector.find('UPDATE users', ({ traceId }) => traceId === request.traceId);
    expect(request.parentSpanId).toBeUndefined();
    expect([statement, attempt].map(({ parentSpanId }) => parentSpanId)).toEqual(
      times(2, () => request.spanId),
    );
    expect(headers['traceparent']).toBe(`00-${request.traceId}-${attempt.spanId}-01`);
    expect(collector.text).not.toContain('Canary Name');
  });

  it('shows a failed attempt', async () => {
    const who = await signedIn(app);
    receiver.answer('/failing', 410);
    await createEndpoint(who, receiver.url('/failing'));

    await app
      .http(api)
      .patch('/v1/users/me')
      .set({ authorization: `Bearer ${who.accessToken}`, 'x-correlation-id': 'traced-failure' })
      .send({ displayName: 'Other Name' });

    const attempt = await collector.find('POST webhook', isOf('traced-failure'));
    expect(attempt).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': '410' } });
  });
});
