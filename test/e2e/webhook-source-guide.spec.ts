import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHmac, randomUUID } from 'node:crypto';
import { InboundWebhook } from '../../src/webhooks/inbound/inbound-webhook.entity.ts';
import { WebhookSources } from '../../src/webhooks/inbound/webhook-sources.service.ts';
import { AcmeSource } from '../support/acme-webhooks.ts';
import { TestApp } from '../support/app.ts';
import { blocksNotIn } from '../support/guide.ts';
import { times, until } from '../support/until.ts';

const SECRET = 'a secret that Acme knows as well';

it('has the code of the guide', () => {
  expect(blocksNotIn('add-a-webhook-source.md', ['support/acme-webhooks.ts'])).toEqual([]);
});

describe('the webhook source of the guide', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ worker: true });
    const acme = new AcmeSource({ ACME_WEBHOOK_SECRET: [SECRET] });
    // The guide adds the source to the constructor.
    for (const process of [app.api, ...app.workers])
      Object.assign(process.get(WebhookSources, { strict: false }), { find: () => acme });
    await app.db.query('CREATE TABLE orders (id uuid PRIMARY KEY, paid boolean NOT NULL DEFAULT false)');
  });

  afterAll(() => app.stop());

  const send = (body: object, { id = randomUUID(), secret = SECRET } = {}) => {
    const text = JSON.stringify(body);
    return app
      .http()
      .post('/v1/webhooks/acme')
      .set({
        'content-type': 'application/json',
        'acme-event-id': id,
        'acme-signature': createHmac('sha256', secret).update(text).digest('hex'),
      })
      .send(text);
  };

  const outcomeOf = async (eventId: string) => {
    const webhook = await until(async () => {
      const found = await app.db.getRepository(InboundWebhook).findOneBy({ eventId });
      return found?.processedAt && found;
    }, 'the event to be processed');
    return webhook.outcome;
  };

  it('handles an event once, although it arrives fifty times', async () => {
    const [id, orderId] = [randomUUID(), randomUUID()];
    await app.db.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);

    const answers = await Promise.all(times(50, () => send({ type: 'order.paid', orderId }, { id })));

    expect(answers.map(({ status }) => status)).toEqual(times(50, () => 202));
    expect(await outcomeOf(id)).toBe('handled');
    expect(await app.db.query('SELECT paid FROM orders WHERE id = $1', [orderId])).toEqual([{ paid: true }]);
    expect(await app.db.getRepository(InboundWebhook).countBy({ eventId: id })).toBe(1);
  });

  it.each([
    ['ignored', { type: 'order.packed' }],
    ['invalid', { type: 'order.paid', orderId: 'none' }],
  ])('keeps an event that is %s', async (outcome, body) => {
    const id = randomUUID();

    expect((await send(body, { id })).status).toBe(202);

    expect(await outcomeOf(id)).toBe(outcome);
  });

  it('rejects a wrong signature, and stores nothing', async () => {
    const id = randomUUID();

    const answer = await send({ type: 'order.paid' }, { id, secret: 'another secret' });

    expect(answer).toMatchObject({ status: 401, body: { code: 'WEBHOOK_SIGNATURE_INVALID' } });
    expect(await app.db.getRepository(InboundWebhook).countBy({ eventId: id })).toBe(0);
  });
});
