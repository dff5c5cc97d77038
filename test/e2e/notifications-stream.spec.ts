import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { KeyRing } from '../../src/auth/keys/key-ring.ts';
import { insertNotifications, insertUnknownNotification, notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { SignedIn, signedIn } from '../support/client.ts';
import { EventSource, type StreamOptions } from '../support/event-source.ts';
import type { Program } from '../support/program.ts';
import { backends } from '../support/queue-data.ts';
import { times, until } from '../support/until.ts';

const PATH = '/v1/notifications/stream';

describe.each(backends)('GET /v1/notifications/stream on %s', (backend) => {
  let app: TestApp;
  let here: string;
  let other: Program;
  const opened: EventSource[] = [];

  beforeAll(async () => {
    app = await TestApp.start({
      backend,
      settings: { STREAM_HEARTBEAT_SECONDS: '1', RESPONSE_STALL_SECONDS: '2' },
    });
    here = await app.listen();
    other = await app.startAnother();
  });

  afterEach(() => opened.splice(0).forEach((source) => source.close()));
  afterAll(() => app.stop());

  async function open(who: SignedIn, { at = here, ...options }: StreamOptions & { at?: string } = {}) {
    const source = await EventSource.open(`${at}${PATH}`, who.accessToken, options);
    opened.push(source);
    return source;
  }

  const titlesIn = (source: EventSource) => source.of('notification').map(({ data }) => data.data.jobType);

  it('sends new notifications as the list shows them, on every instance', async () => {
    const who = await signedIn(app);
    await notify(app, who.user.id, { label: 'old' });
    const sources = [await open(who), await open(who, { at: other.url })];

    await notify(app, who.user.id, { label: 'new' });

    const { body } = await who.get('/v1/notifications?limit=1');
    for (const source of sources) {
      await source.untilReceived('notification');
      expect(source.events).toEqual([{ event: 'notification', id: body.data[0].id, data: body.data[0] }]);
    }
  });

  it('forbids caching, buffering and compression', async () => {
    const who = await signedIn(app);

    const source = await open(who);

    expect(source.status).toBe(200);
    expect(source.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'content-encoding': 'none',
      'x-accel-buffering': 'no',
      'x-correlation-id': expect.any(String),
      'x-content-type-options': 'nosniff',
    });
    await until(() => source.retryMs, 'the hint when to come back');
    expect(source.retryMs).toBeGreaterThanOrEqual(1_000);
    expect(source.retryMs).toBeLessThanOrEqual(7_000);
  });

  it('sends a notification of an unknown type and those after it', async () => {
    const who = await signedIn(app);
    const source = await open(who);

    await insertUnknownNotification(app, who.user.id);
    await notify(app, who.user.id, { label: 'known' });

    await source.untilReceived('notification', 2);
    expect(source.of('notification').map(({ data }) => data.type)).toEqual(['unknown', 'job-completed']);
  });

  it('sends heartbeats', async () => {
    const source = await open(await signedIn(app));

    await until(() => source.comments.length >= 2, 'two heartbeats');

    expect(source.events).toEqual([]);
  });

  it('sends only new, committed notifications of the caller', async () => {
    const [who, otherUser] = [await signedIn(app), await signedIn(app)];
    await notify(app, who.user.id, { label: 'before' });
    const source = await open(who);

    await notify(app, otherUser.user.id, { label: 'foreign' });
    await expect(
      app.db.transaction(async (tx) => {
        await notify(app, who.user.id, { label: 'rolled back', tx });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await notify(app, who.user.id, { label: 'mine' });

    await source.untilReceived('notification');
    expect(titlesIn(source)).toEqual(['mine']);
  });

  it('resumes in order after Last-Event-ID', async () => {
    const who = await signedIn(app);
    for (const title of times(120, String)) await notify(app, who.user.id, { label: title });
    const query = `SELECT id FROM notifications WHERE user_id = $1 AND data ->> 'jobType' = '9'`;
    const [seen] = await app.db.query<{ id: string }[]>(query, [who.user.id]);

    const source = await open(who, { lastEventId: seen?.id });

    await source.untilReceived('notification', 110);
    await notify(app, who.user.id, { label: 'live' });
    await source.untilReceived('notification', 111);
    expect(titlesIn(source)).toEqual([...times(110, (n) => String(n + 10)), 'live']);
  });

  it('sends all notifications when the one in Last-Event-ID has been removed', async () => {
    const who = await signedIn(app);
    for (const title of ['a', 'b', 'c']) await notify(app, who.user.id, { label: title });
    const [oldest] = await app.db.query<[{ id: string }[], number]>(
      `DELETE FROM notifications WHERE user_id = $1 AND data ->> 'jobType' = 'a' RETURNING id`,
      [who.user.id],
    );

    const source = await open(who, { lastEventId: oldest[0]?.id });

    await source.untilReceived('notification', 2);
    expect(titlesIn(source)).toEqual(['b', 'c']);
  });

  it.each(['of another user', 'of nothing'])(
    'sends all notifications of the caller when Last-Event-ID is %s',
    async (whose) => {
      const [who, otherUser] = [await signedIn(app), await signedIn(app)];
      await notify(app, otherUser.user.id, { label: 'foreign before' });
      const foreign = (await otherUser.get('/v1/notifications')).body.data[0].id as string;
      await notify(app, otherUser.user.id, { label: 'foreign after' });
      await notify(app, who.user.id, { label: 'mine' });

      const source = await open(who, { lastEventId: whose === 'of nothing' ? randomUUID() : foreign });

      await source.untilReceived('notification');
      await notify(app, who.user.id, { label: 'live' });
      await source.untilReceived('notification', 2);
      expect(titlesIn(source)).toEqual(['mine', 'live']);
    },
  );

  it('ignores a malformed Last-Event-ID', async () => {
    const who = await signedIn(app);
    await notify(app, who.user.id, { label: 'before' });

    const source = await open(who, { lastEventId: 'nonsense' });

    await notify(app, who.user.id, { label: 'after' });
    await source.untilReceived('notification');
    expect(titlesIn(source)).toEqual(['after']);
  });

  it('sends each of 200 notifications exactly once to a client that reconnects 20 times', async () => {
    const who = await signedIn(app);
    await notify(app, who.user.id, { label: 'first' });
    const received: string[] = [];
    let lastEventId = (await who.get('/v1/notifications')).body.data[0].id as string;
    const making = Promise.all(times(10, (lane) => makeInTurn(who, lane, 20)));

    for (let turn = 0; turn < 20; turn += 1) {
      const source = await open(who, { at: turn % 2 ? other.url : here, lastEventId });
      await until(() => source.events.length > 0 || received.length === 200, 'something new');
      source.close();
      received.push(...source.of('notification').map(({ id }) => String(id)));
      lastEventId = source.lastEventId ?? lastEventId;
    }
    await making;
    const last = await open(who, { lastEventId });
    await until(() => received.length + last.of('notification').length >= 200, 'the rest');
    received.push(...last.of('notification').map(({ id }) => String(id)));

    const made = await app.db.query<{ id: string }[]>(
      `SELECT id FROM notifications WHERE user_id = $1 AND data ->> 'jobType' <> 'first' ORDER BY position`,
      [who.user.id],
    );
    expect(made).toHaveLength(200);
    expect(received).toEqual(made.map(({ id }) => id));
  });

  async function makeInTurn(who: SignedIn, lane: number, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) await notify(app, who.user.id, { label: `${lane}.${n}` });
  }

  it('closes on every instance when its session is revoked', async () => {
    const who = await signedIn(app);
    const survivor = await open(await signedIn(app));
    const sources = [await open(who), await open(who, { at: other.url })];

    await who.post('/v1/auth/logout');
    const endedAt = Date.now();

    const reasons = await Promise.all(sources.map((source) => source.untilEnded()));
    expect(reasons).toEqual(['session-ended', 'session-ended']);
    expect(Date.now() - endedAt).toBeLessThan(2_000);
    expect(survivor.isClosed).toBe(false);
  });

  it('closes when the access token expires', async () => {
    const who = await signedIn(app);
    const { kid, privateKey } = app.api.get(KeyRing).active;
    const exp = Math.floor(Date.now() / 1_000) + 3;
    const token = await new SignJWT({ ...decodeJwt(who.accessToken), exp })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid })
      .sign(privateKey);

    const source = await open(new SignedIn(app, who.user, token, ''));

    expect(await source.untilEnded()).toBe('token-expired');
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000);
  });

  it('closes the oldest of six streams of one user', async () => {
    const [who, otherUser] = [await signedIn(app), await signedIn(app)];
    const foreign = await open(otherUser);
    const sources: EventSource[] = [];
    for (let n = 0; n < 6; n += 1) sources.push(await open(who));

    expect(await sources[0]?.untilEnded()).toBe('too-many-streams');
    expect([...sources.slice(1), foreign].map(({ isClosed }) => isClosed)).toEqual(times(6, () => false));
  });

  it('stays open when the same user opens streams on another instance that is killed', async () => {
    const who = await signedIn(app);
    const healthy = await open(who);
    const killed = await app.startAnother();
    for (let n = 0; n < 5; n += 1) await open(who, { at: killed.url });
    await killed.end('SIGKILL');

    const another = await open(who, { at: other.url });
    await notify(app, who.user.id, { label: 'still here' });

    await healthy.untilReceived('notification');
    expect([healthy.isClosed, another.isClosed]).toEqual([false, false]);
  });

  it('disconnects only the reader that reads nothing', async () => {
    const who = await signedIn(app);
    const reader = await open(who);
    const accepted = once(app.api.getHttpServer(), 'connection') as Promise<[Socket]>;
    await open(who, { isStalled: true });
    const [connection] = await accepted;

    // More than the socket buffers of both sides hold.
    await insertNotifications(app, who.user.id, { count: 39, bytes: 500_000 });
    await notify(app, who.user.id);

    await until(() => connection.destroyed, 'the connection to be cut');
    expect(connection.bytesWritten).toBeLessThan(19_000_000);
    await reader.untilReceived('notification', 40);
    expect(reader.isClosed).toBe(false);
  });

  it('rejects a request without a token', async () => {
    const answer = await app.http().get(PATH);

    expect([answer.status, answer.body.code]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('responds to HEAD at once', async () => {
    const who = await signedIn(app);

    const answer = await app.http().head(PATH).set('authorization', `Bearer ${who.accessToken}`);

    expect([answer.status, answer.headers['content-type']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
  });

  it('closes when its instance drains', async () => {
    const who = await signedIn(app);
    const leaving = await app.startAnother({ SHUTDOWN_DRAIN_SECONDS: '1' });
    const sources = await Promise.all(times(3, () => open(who, { at: leaving.url })));
    const stalled = await open(who, { at: leaving.url, isStalled: true });
    const ending = leaving.end();
    const reasons = await Promise.all(sources.map((source) => source.untilEnded()));
    expect(new Set(reasons)).toEqual(new Set(['server-draining']));
    expect(await ending).toEqual({ code: 0, signal: null });
    stalled.close();
  });
});
