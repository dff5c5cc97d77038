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
import { type SignedIn, signedIn } from '../support/client.ts';
import { isAuthentic, Receiver } from '../support/receiver.ts';
import { scriptedHandlers, startScripted } from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

let app: TestApp;
let receiver: Receiver;
let owner: SignedIn;

const URL_TAKEN = 'https://example.com/hooks';
const newPath = () => `/${randomUUID()}`;
const at = ({ id }: { id: string }, rest = '') => `/v1/webhook-endpoints/${id}${rest}`;

beforeAll(async () => {
  receiver = await Receiver.start();
  const settings = { WEBHOOK_ALLOW_PRIVATE: receiver.host };
  app = await TestApp.start({ worker: true, handlers: scriptedHandlers, settings });
  owner = await signedIn(app);
});

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

describe('POST /v1/webhook-endpoints', () => {
  it('returns the secret only once, and stores it encrypted', async () => {
    const fields = { url: URL_TAKEN, eventTypes: ['user.updated', 'user.updated', 'job.failed'] };

    const { status, headers, body } = await owner.post('/v1/webhook-endpoints', fields);

    expect(status).toBe(201);
    expect(headers.location).toBe(at(body.data));
    expect(body.data).toMatchObject({
      url: URL_TAKEN,
      eventTypes: ['user.updated', 'job.failed'],
      description: '',
      enabled: true,
      scope: 'own',
    });
    expect(body.data.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect((await owner.get(at(body.data))).text).not.toContain('secret');
    const row = await endpointRow(app, body.data.id);
    expect(JSON.stringify(row)).not.toContain(body.data.secret.slice('whsec_'.length));
  });

  it.each([
    ['http://example.com/', 'URL_NOT_ALLOWED'],
    ['https://169.254.169.254/', 'URL_NOT_ALLOWED'],
    ['https://user:pw@example.com/', 'URL_NOT_ALLOWED'],
  ])('rejects the URL %s, for a new and an existing endpoint', async (url, code) => {
    const old = await createEndpoint(owner, URL_TAKEN);
    const answers = [
      await owner.post('/v1/webhook-endpoints', { url, eventTypes: ['ping'] }),
      await owner.patch(at(old), { url }),
    ];

    for (const { status, body } of answers) {
      expect(status).toBe(422);
      expect(body.details).toMatchObject([{ path: 'url', code }]);
    }
  });

  it('rejects unknown events, and admin events for users who are not administrators', async () => {
    const unknown = await owner.post('/v1/webhook-endpoints', {
      url: URL_TAKEN,
      eventTypes: ['user.exploded'],
    });
    const all = await owner.post('/v1/webhook-endpoints', {
      url: URL_TAKEN,
      eventTypes: ['ping'],
      scope: 'all',
    });

    expect([unknown.status, unknown.body.details[0].path]).toEqual([422, 'eventTypes.0']);
    expect([all.status, all.body.code]).toEqual([403, 'FORBIDDEN']);
  });

  it('creates twenty of thirty that are requested in parallel', async () => {
    const greedy = await signedIn(app);

    const answers = await Promise.all(
      times(30, () => greedy.post('/v1/webhook-endpoints', { url: URL_TAKEN, eventTypes: ['ping'] })),
    );

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    const rejected = answers.filter(({ status }) => status === 409);
    expect(rejected.map(({ body }) => body.code)).toEqual(times(10, () => 'LIMIT_REACHED'));
  });
});

describe('/v1/webhook-endpoints/{id}', () => {
  it('is available to its owner only', async () => {
    const endpoint = await createEndpoint(owner, receiver.url(newPath()));
    const otherUser = await signedIn(app, { role: 'admin' });
    const { body } = await owner.post(at(endpoint, '/ping'));

    const answers = [
      await otherUser.get(at(endpoint)),
      await otherUser.patch(at(endpoint), { enabled: false }),
      await otherUser.delete(at(endpoint)),
      await otherUser.post(at(endpoint, '/rotate-secret')),
      await otherUser.post(at(endpoint, '/ping')),
      await otherUser.get(at(endpoint, '/deliveries')),
      await otherUser.post(`/v1/webhook-deliveries/${body.data.id}/redeliver`),
    ];

    expect(answers.map(({ status }) => status)).toEqual(times(7, () => 404));
    expect((await owner.get(at(endpoint))).body.data.enabled).toBe(true);
  });

  it('changes only the version that was read', async () => {
    const endpoint = await createEndpoint(owner, URL_TAKEN);
    const { headers } = await owner.get(at(endpoint));

    const first = await owner.patch(at(endpoint), { description: 'one' }).set('if-match', headers.etag!);
    const second = await owner.patch(at(endpoint), { description: 'two' }).set('if-match', headers.etag!);

    expect([first.status, second.status]).toEqual([200, 412]);
    expect((await owner.get(at(endpoint))).body.data.description).toBe('one');
  });

  it('sends nothing once it is deleted', async () => {
    const path = newPath();
    receiver.answer(path, 500);
    const endpoint = await createEndpoint(owner, receiver.url(path));
    await rename(owner);
    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);

    expect((await owner.delete(at(endpoint))).status).toBe(204);
    expect((await owner.delete(at(endpoint))).status).toBe(404);
    expect((await owner.get(at(endpoint))).status).toBe(404);
    expect((await owner.get(`/v1/webhook-deliveries/${delivery.id}/attempts`)).status).toBe(404);
    await passPause(app, delivery);

    await until(async () => {
      const rows = await app.db.query('SELECT 1 FROM webhook_endpoints WHERE id = $1', [endpoint.id]);
      return rows.length === 0;
    }, 'the rows to be removed');
    expect(await deliveriesOf(app, endpoint)).toEqual([]);
    expect(receiver.at(path)).toHaveLength(1);
  });

  it('signs with both secrets for 24 hours after a rotation', async () => {
    const path = newPath();
    const endpoint = await createEndpoint(owner, receiver.url(path));

    const { status, body } = await owner.post(at(endpoint, '/rotate-secret'));
    await owner.post(at(endpoint, '/ping'));

    const event = await receiver.next(path);
    expect(status).toBe(200);
    const secrets: string[] = [endpoint.secret, body.data.secret];
    expect(secrets.map((secret) => isAuthentic(event, secret))).toEqual([true, true]);
    // A repeated rotation must not replace either secret.
    const repeated = await owner.post(at(endpoint, '/rotate-secret'));
    expect([repeated.status, repeated.body.data]).toEqual([200, body.data]);

    await app.db.query(
      `UPDATE webhook_endpoints SET previous_secret_expires_at = now() - interval '1 s' WHERE id = $1`,
      [endpoint.id],
    );
    await owner.post(at(endpoint, '/ping'));
    const later = await receiver.next(path, 2);
    expect(secrets.map((secret) => isAuthentic(later, secret))).toEqual([false, true]);
    expect(secrets).not.toContain((await owner.post(at(endpoint, '/rotate-secret'))).body.data.secret);
  });
});

describe('a webhook endpoint', () => {
  it('receives events about jobs of its owner only', async () => {
    const path = newPath();
    await createEndpoint(owner, receiver.url(path), { eventTypes: ['job.completed', 'job.failed'] });
    const otherUser = await signedIn(app);

    await startScripted(app, async () => ({ made: 1 }), { userId: otherUser.user.id });
    await startScripted(app, async () => ({ made: 1 }));
    const job = await startScripted(app, async () => ({ made: 1 }), { userId: owner.user.id });

    const { body } = await receiver.next(path);
    expect(JSON.parse(body)).toMatchObject({
      type: 'job.completed',
      data: { id: job.id, status: 'completed' },
    });
    expect(receiver.at(path)).toHaveLength(1);
  });

  it('of an administrator receives events of all users, while the role lasts', async () => {
    const path = newPath();
    const admin = await signedIn(app, { role: 'admin' });
    await createEndpoint(admin, receiver.url(path), { eventTypes: ['user.updated'], scope: 'all' });
    const person = await signedIn(app);
    await rename(person);
    await receiver.next(path);

    await app.db.query(`UPDATE users SET role = 'user' WHERE id = $1`, [admin.user.id]);
    await rename(person, 'Unheard');
    await app.db.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [admin.user.id]);
    await rename(person, 'Heard');

    await receiver.next(path, 2);
    expect(receiver.at(path).map(({ body }) => JSON.parse(body).data.displayName)).toEqual([
      'New Name',
      'Heard',
    ]);
  });

  it('is disabled at once by a 410, and its owner is notified', async () => {
    const path = newPath();
    receiver.answer(path, 410);
    const person = await signedIn(app);
    const endpoint = await createEndpoint(person, receiver.url(path));

    await rename(person);

    await untilDelivery(app, endpoint, ({ status }) => status === 'failed');
    expect((await person.get(at(endpoint))).body.data).toMatchObject({
      enabled: false,
      disabledReason: 'gone',
    });
    expect((await app.mailbox.next(person.user.email)).subject).toContain('was disabled');
    expect((await person.get('/v1/notifications')).body.data[0]).toMatchObject({
      type: 'webhook-endpoint-disabled',
      data: { endpointId: endpoint.id, reason: 'gone' },
    });
    expect((await person.post(at(endpoint, '/ping'))).status).toBe(409);
  });

  it('is disabled after five days of failures, and gets five more when its owner enables it', async () => {
    const path = newPath();
    receiver.answer(path, 500);
    const person = await signedIn(app);
    const endpoint = await createEndpoint(person, receiver.url(path));
    await app.db.query(
      `UPDATE webhook_endpoints SET failing_since = now() - interval '5 days' WHERE id = $1`,
      [endpoint.id],
    );

    await rename(person);

    await untilDelivery(app, endpoint, ({ status }) => status === 'failed');
    expect(await endpointRow(app, endpoint.id)).toMatchObject({ enabled: false, disabledReason: 'failing' });
    await person.patch(at(endpoint), { enabled: true });
    expect(await endpointRow(app, endpoint.id)).toMatchObject({
      enabled: true,
      disabledReason: null,
      failingSince: null,
    });
  });

  it('keeps its failure time when an update changes nothing', async () => {
    const endpoint = await createEndpoint(owner, URL_TAKEN);
    await app.db.query(`UPDATE webhook_endpoints SET failing_since = now() WHERE id = $1`, [endpoint.id]);

    await owner.patch(at(endpoint), { enabled: true, url: URL_TAKEN });
    const unchanged = await endpointRow(app, endpoint.id);
    await owner.patch(at(endpoint), { url: `${URL_TAKEN}/new` });
    const moved = await endpointRow(app, endpoint.id);

    expect(unchanged).toMatchObject({ failingSince: expect.any(Date) });
    expect(moved).toMatchObject({ failingSince: null });
  });

  it('can delay the next attempt with Retry-After', async () => {
    const path = newPath();
    receiver.answer(path, 503, { 'retry-after': '1200' });
    const endpoint = await createEndpoint(owner, receiver.url(path));
    await rename(owner);

    const { nextAttemptAt } = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);

    expect(nextAttemptAt!.getTime() - Date.now()).toBeGreaterThan(1_190_000 - 5_000);
  });

  it('of a suspended owner receives no events', async () => {
    const path = newPath();
    receiver.answer(path, 500);
    const person = await signedIn(app);
    const endpoint = await createEndpoint(person, receiver.url(path));
    await rename(person);
    const delivery = await untilDelivery(app, endpoint, ({ attempts }) => attempts === 1);

    await app.db.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [person.user.id]);
    await passPause(app, delivery);

    const { lastError } = await untilDelivery(app, endpoint, ({ status }) => status === 'failed');
    expect([lastError, receiver.at(path).length]).toEqual([expect.stringContaining('suspended'), 1]);
  });
});
