import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { EventSource } from '../support/event-source.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

const open = async (app: TestApp, who: SignedIn) =>
  EventSource.open(`${await app.listen()}/v1/notifications/stream`, who.accessToken);
const labelsIn = (source: EventSource) => source.of('notification').map(({ data }) => data.data.jobType);

describe('when the Redis of the message bus is gone', () => {
  let redis: RedisServer;
  let app: TestApp;

  beforeAll(async () => {
    redis = await startRedis();
    app = await TestApp.start({ settings: { REDIS_URL: redis.url } });
  });

  afterAll(async () => {
    await app.stop();
    await redis.kill();
  });

  it('leaves the API available, and streams catch up once it is back', async () => {
    const who = await signedIn(app);
    const source = await open(app, who);
    await notify(app, who.user.id, { label: 'before' });
    await source.untilReceived('notification');
    const { port, dir } = redis;
    await redis.kill();

    for (const label of ['during 0', 'during 1', 'during 2']) await notify(app, who.user.id, { label });
    const { body } = await who.get('/v1/notifications');
    redis = await startRedis({ port, dir });

    expect(body.meta.unreadCount).toBe(4);
    await source.untilReceived('notification', 4);
    await notify(app, who.user.id, { label: 'after' });
    await source.untilReceived('notification', 5);
    expect(labelsIn(source)).toEqual(['before', 'during 0', 'during 1', 'during 2', 'after']);
    source.close();
  });

  it('does not prevent new streams or a shutdown', async () => {
    const who = await signedIn(app);
    const { port, dir } = redis;
    await redis.kill();

    const source = await open(app, who);
    await notify(app, who.user.id, { label: 'told later' });
    redis = await startRedis({ port, dir });

    await source.untilReceived('notification');
    expect(labelsIn(source)).toEqual(['told later']);
    source.close();
  });
});

describe('when PostgreSQL is gone', () => {
  let proxy: TcpProxy;
  let app: TestApp;

  beforeAll(async () => {
    proxy = await TcpProxy.start();
    app = await TestApp.start({ settings: (url) => ({ DATABASE_URL: proxy.to(url) }) });
  });

  afterAll(async () => {
    await app.stop();
    await proxy.stop();
  });

  it('keeps streams open, and they send all notifications once it is back', async () => {
    const who = await signedIn(app);
    const source = await open(app, who);

    for (const turn of times(3, String)) {
      proxy.cut();
      await expect(notify(app, who.user.id, { label: 'never' })).rejects.toThrow(/./);
      proxy.restore();
      await until(() => isTold(who, turn), 'the database to take it');
      await source.untilReceived('notification', Number(turn) + 1);
    }

    expect(labelsIn(source)).toEqual(['0', '1', '2']);
    source.close();
  });

  /** False at first, because the pool contains broken connections that it has not detected. */
  const isTold = (who: SignedIn, label: string) =>
    notify(app, who.user.id, { label }).then(
      () => true,
      () => false,
    );
});

describe('an unknown message on the event bus', () => {
  it('is ignored, and the process continues', async () => {
    const app = await TestApp.start();
    const other = await app.startAnother();
    const who = await signedIn(app);
    const source = await EventSource.open(`${other.url}/v1/notifications/stream`, who.accessToken);
    await notify(app, who.user.id, { label: 'before' });
    await source.untilReceived('notification');

    for (const text of ['not json', 'null', '[]']) await app.db.query(`SELECT pg_notify('bus', $1)`, [text]);

    await notify(app, who.user.id, { label: 'after' });
    await source.untilReceived('notification', 2);
    expect(labelsIn(source)).toEqual(['before', 'after']);
    expect((await fetch(`${other.url}/health/live`)).status).toBe(200);
    source.close();
    await app.stop();
  });
});
