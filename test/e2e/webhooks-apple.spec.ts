import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { Identity } from '../../src/auth/oauth/identity.entity.ts';
import { User } from '../../src/users/user.entity.ts';
import { InboundWebhook } from '../../src/webhooks/inbound/inbound-webhook.entity.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { type Providers, startProviders } from '../support/providers/providers.ts';
import { times, until } from '../support/until.ts';

describe('POST /v1/webhooks/apple', () => {
  let app: TestApp;
  let providers: Providers;

  beforeAll(async () => {
    providers = await startProviders();
    app = await TestApp.start({ worker: true, settings: providers.settings });
  });

  afterAll(async () => {
    await app.stop();
    await providers.stop();
  });

  async function withApple(): Promise<{ owner: SignedIn; sub: string }> {
    const owner = await signedIn(app);
    const sub = randomUUID();
    const { id: userId, email } = owner.user;
    await app.db
      .getRepository(Identity)
      .insert({ id: randomUUIDv7(), userId, provider: 'apple', subject: sub, email });
    return { owner, sub };
  }

  const sendEvent = async (type: string, sub: string, claims: Record<string, unknown> = {}) => {
    const jti = randomUUID();
    const payload = await providers.signAppleEvent({ type, sub }, { jti, ...claims });
    const { status } = await app.http().post('/v1/webhooks/apple').send({ payload });
    return { status, jti };
  };

  /** Sends an event with a valid signature, but for another app. */
  const sendInvalidEvent = async ({ url }: Program) => {
    const event = { type: 'consent-revoked', sub: randomUUID() };
    const payload = await providers.signAppleEvent(event, { jti: randomUUID(), aud: 'another.app' });
    const response = await fetch(`${url}/v1/webhooks/apple`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payload }),
    });
    return response.status;
  };

  const processed = (eventId: string): Promise<unknown> =>
    until(async () => {
      const webhook = await app.db.getRepository(InboundWebhook).findOneBy({ eventId });
      return webhook?.processedAt;
    }, 'the event to be processed');

  const eventsAt = (type: string, sub: string, at: number) => ({
    events: JSON.stringify({ type, sub, event_time: at }),
  });

  it('unlinks and signs out a user who withdraws consent', async () => {
    const { owner, sub } = await withApple();

    const { status } = await sendEvent('consent-revoked', sub);

    expect(status).toBe(202);
    await until(async () => (await owner.get('/v1/users/me')).status === 401, 'the session to end');
    expect(await app.db.getRepository(Identity).existsBy({ subject: sub })).toBe(false);
    expect((await app.mailbox.next(owner.user.email)).subject).toContain('unlinked');
  });

  it('deletes the account of a user who deletes their Apple account', async () => {
    const { owner, sub } = await withApple();

    await sendEvent('account-delete', sub);

    await until(async () => (await owner.get('/v1/users/me')).status === 401, 'the session to end');
    const user = await app.db.getRepository(User).findOneByOrFail({ id: owner.user.id });
    expect(user.deletedAt).not.toBeNull();
    expect(user.email).not.toBe(owner.user.email);
  });

  it('sends no mail to a muted email, whatever the order of the events', async () => {
    const { owner, sub } = await withApple();
    const now = Date.now();

    const muted = await sendEvent('email-disabled', sub, eventsAt('email-disabled', sub, now));
    await processed(muted.jti);
    const late = await sendEvent('email-enabled', sub, eventsAt('email-enabled', sub, now - 60_000));
    await processed(late.jti);
    await app.http().post('/v1/auth/forgot-password').send({ email: owner.user.email });

    await until(async () => {
      const [job] = await app.db.query(
        `SELECT jobs.status FROM jobs JOIN mails ON mails.id = (jobs.input ->> 'mailId')::uuid WHERE mails.user_id = $1`,
        [owner.user.id],
      );
      return job?.status === 'completed';
    }, 'the job of the mail');
    expect(await app.mailbox.to(owner.user.email)).toEqual([]);
  });

  it('fetches the metadata and keys of Apple once for parallel events', async () => {
    const fresh = await app.startAnother(providers.settings);
    const before = providers.control.requests('apple');

    const statuses = await Promise.all(times(10, () => sendInvalidEvent(fresh)));

    expect([...new Set(statuses)]).toEqual([401]);
    const { discovery, jwks } = providers.control.requests('apple');
    expect({ discovery: discovery - before.discovery, jwks: jwks - before.jwks }).toEqual({
      discovery: 1,
      jwks: 1,
    });
    await fresh.end();
  });

  it('responds 503 while Apple is down, and accepts events when Apple is back', async () => {
    const fresh = await app.startAnother(providers.settings);
    const { discovery } = providers.control.requests('apple');
    providers.control.hostile('apple', 'down');

    const statuses = await Promise.all(times(10, () => sendInvalidEvent(fresh)));

    expect([...new Set(statuses)]).toEqual([503]);
    expect(providers.control.requests('apple').discovery - discovery).toBe(1);
    providers.control.reset();
    await until(async () => (await sendInvalidEvent(fresh)) === 401, 'the keys of Apple to be loaded');
    await fresh.end();
  });

  it('rejects a body much larger than an event before parsing it', async () => {
    const { sub } = await withApple();
    const payload = await providers.signAppleEvent({ type: 'consent-revoked', sub }, { jti: randomUUID() });

    const response = await app
      .http()
      .post('/v1/webhooks/apple')
      .send({ payload, filler: 'x'.repeat(70_000) });

    expect(response.status).toBe(401);
    expect(await app.db.getRepository(Identity).existsBy({ subject: sub })).toBe(true);
  });

  it('rejects an event for another app, an old one, and one with an unknown key', async () => {
    const { sub } = await withApple();
    const minutesAgo = Math.floor(Date.now() / 1_000) - 400;

    const forged = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`;
    const responses = [
      await sendEvent('consent-revoked', sub, { aud: 'another.app' }),
      await sendEvent('consent-revoked', sub, { iss: 'https://example.com' }),
      await sendEvent('consent-revoked', sub, { iat: minutesAgo }),
      { status: (await app.http().post('/v1/webhooks/apple').send({ payload: forged })).status },
      { status: (await app.http().post('/v1/webhooks/apple').send({ payload: 7 })).status },
    ];

    expect(responses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(await app.db.getRepository(Identity).existsBy({ subject: sub })).toBe(true);
  });
});
