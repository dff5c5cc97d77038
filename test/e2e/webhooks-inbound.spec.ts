import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHmac, randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { InboundWebhook } from '../../src/webhooks/inbound/inbound-webhook.entity.ts';
import { TestApp } from '../support/app.ts';
import { captureLogs } from '../support/logs.ts';
import { backends } from '../support/queue-data.ts';
import { times, until } from '../support/until.ts';

const GITHUB_SECRET = 'a secret that GitHub knows as well';
const STANDARD_SECRETS = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);

const stored = (app: TestApp, eventId: string) => app.db.getRepository(InboundWebhook).findBy({ eventId });

const processed = (app: TestApp, eventId: string): Promise<InboundWebhook> =>
  until(async () => {
    const [webhook] = await stored(app, eventId);
    return webhook?.processedAt && webhook;
  }, 'the event to be processed');

describe.each(backends)('POST /v1/webhooks/{source} on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    const settings = {
      GITHUB_WEBHOOK_SECRET: GITHUB_SECRET,
      STANDARD_WEBHOOK_SECRET: STANDARD_SECRETS.join(','),
    };
    app = await TestApp.start({ backend, worker: true, settings });
  });

  afterAll(() => app.stop());

  const fromGithub = (
    body: string,
    { id = randomUUID(), event = 'ping', signature = githubSignature(body) } = {},
  ) =>
    app
      .http()
      .post('/v1/webhooks/github')
      .set({
        'content-type': 'application/json',
        'x-github-delivery': id,
        'x-github-event': event,
        'x-hub-signature-256': signature,
      })
      .send(body);

  const fromStandard = (
    body: string,
    { id = randomUUID(), secondsAgo = 0, secret = STANDARD_SECRETS[0]! } = {},
  ) => {
    const at = new Date(Date.now() - secondsAgo * 1_000);
    return app
      .http()
      .post('/v1/webhooks/standard')
      .set({
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': `v2,nonsense ${new Webhook(secret).sign(id, at, body)}`,
      })
      .send(body);
  };

  it('stores and processes an event signed by GitHub', async () => {
    const id = randomUUID();

    const answer = await fromGithub('{"zen": "Keep it logically awesome."}', { id });

    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ data: { status: 'accepted' } });
    expect(await processed(app, id)).toMatchObject({
      source: 'github',
      eventType: 'ping',
      outcome: 'handled',
    });
  });

  it('verifies the signature of the raw bytes, not of the parsed JSON', async () => {
    const body = '{ "type" : "ping",  "data": {"n": 1.0} }';
    const id = randomUUID();

    const changed = JSON.stringify(JSON.parse(body));

    expect((await fromGithub(changed, { signature: githubSignature(body) })).status).toBe(401);
    expect((await fromStandard(body, { id })).status).toBe(202);
    expect((await stored(app, id))[0]!.payload).toBe(body);
  });

  it('stores and processes one of fifty identical parallel events', async () => {
    const id = randomUUID();

    const answers = await Promise.all(times(50, () => fromStandard('{"type":"ping"}', { id })));

    expect(answers.map(({ status }) => status)).toEqual(times(50, () => 202));
    await processed(app, id);
    expect(await stored(app, id)).toHaveLength(1);
    const jobs = await app.db.query(
      `SELECT status FROM jobs WHERE type = 'webhook-receive' AND input ->> 'webhookId' =
         (SELECT id::text FROM inbound_webhooks WHERE event_id = $1)`,
      [id],
    );
    expect(jobs).toHaveLength(1);
  });

  it('rejects a wrong, missing, old or early signature, and stores nothing', async () => {
    const before = await app.db.getRepository(InboundWebhook).count();

    const answers = [
      await fromGithub('{}', { signature: 'sha256=00' }),
      await fromGithub('{}', { signature: `sha1=${githubSignature('{}').slice(7)}` }),
      await fromGithub('not json', { signature: githubSignature('other') }),
      await fromStandard('{}', { secret: `whsec_${Buffer.alloc(32, 9).toString('base64')}` }),
      await fromStandard('{}', { secondsAgo: 301 }),
      // Signed times are whole seconds, and some time passes before the check.
      await fromStandard('{}', { secondsAgo: -302 }),
      await app.http().post('/v1/webhooks/standard').send({ type: 'ping' }),
      await app.http().post('/v1/webhooks/github'),
    ];

    for (const { status, body, headers } of answers) {
      expect([status, body.code]).toEqual([401, 'WEBHOOK_SIGNATURE_INVALID']);
      expect(headers['www-authenticate']).toBeUndefined();
    }
    expect(await app.db.getRepository(InboundWebhook).count()).toBe(before);
  });

  it('accepts both secrets during a rotation', async () => {
    const answers = await Promise.all(
      STANDARD_SECRETS.map((secret) => fromStandard('{"type":"ping"}', { secret, secondsAgo: 290 })),
    );

    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });

  it('stores and ignores unknown events, and marks signed but invalid ones', async () => {
    const [unknown, broken, nameless] = [randomUUID(), randomUUID(), randomUUID()];
    const logs = captureLogs(app.workers[0]!);

    const answers = [
      await fromStandard('{"type":"moon.landed"}', { id: unknown }),
      await fromStandard('not json at all', { id: broken }),
      await fromStandard('{"type":"a\\u0000b"}', { id: nameless }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await processed(app, unknown)).toMatchObject({ eventType: 'moon.landed', outcome: 'ignored' });
    expect(await processed(app, broken)).toMatchObject({ eventType: 'unknown', outcome: 'invalid' });
    expect(await processed(app, nameless)).toMatchObject({ eventType: 'unknown', outcome: 'invalid' });
    const outcomes = () => logs.lines().filter(({ msg }) => msg.startsWith('Webhook event'));
    await until(() => outcomes().length === 3, 'all to be logged');
    expect(
      outcomes()
        .map(({ level, eventType, msg }) => `${level} ${String(eventType)}: ${msg}`)
        .toSorted(),
    ).toEqual([
      'info moon.landed: Webhook event ignored: its type is not supported',
      'warn unknown: Webhook event invalid: its payload does not match its type',
      'warn unknown: Webhook event invalid: its payload does not match its type',
    ]);
  });

  it('accepts at most 1 MiB', async () => {
    const mebibyte = 1_024 * 1_024;
    const large = JSON.stringify({ type: 'ping', filler: 'x'.repeat(mebibyte - 100) });

    expect((await fromStandard(large)).status).toBe(202);
    expect((await fromStandard(`${large}${' '.repeat(200)}`)).status).toBe(413);
    expect(
      (
        await app
          .http()
          .post('/v1/auth/login')
          .send({ email: 'x'.repeat(mebibyte) })
      ).status,
    ).toBe(413);
  });

  it('tells the sender of a form to use application/json', async () => {
    const response = await app.http().post('/v1/webhooks/github').type('form').send('payload={}');

    expect(response.status).toBe(415);
    expect(response.body.detail).toContain('Set the content type to application/json.');
  });

  it('responds 404 before it reads the body if a source is not configured', async () => {
    for (const source of ['apple', 'gitlab', '__proto__']) {
      expect((await app.http().post(`/v1/webhooks/${source}`).type('text/plain').send('x')).status).toBe(404);
    }
  });
});

const githubSignature = (body: string): string =>
  `sha256=${createHmac('sha256', GITHUB_SECRET).update(body).digest('hex')}`;
