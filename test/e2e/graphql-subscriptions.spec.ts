import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NotificationsService } from '../../src/notifications/notifications.service.ts';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { type Backend, TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { exchange } from '../support/raw-http.ts';
import { times, until } from '../support/until.ts';

const QUERY = 'subscription ($after: ID) { notificationAdded(after: $after) { id data } }';

let app: TestApp;
let url: string;
const sockets: GraphqlSocket[] = [];

beforeAll(async () => {
  app = await TestApp.start();
  url = await app.listen();
});

afterAll(() => app.stop());

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

async function connect(user: SignedIn, baseUrl = url): Promise<GraphqlSocket> {
  const socket = await GraphqlSocket.connect(baseUrl, user.accessToken);
  sockets.push(socket);
  return socket;
}

async function open(): Promise<GraphqlSocket> {
  const socket = await GraphqlSocket.open(url);
  sockets.push(socket);
  return socket;
}

const labels = (socket: GraphqlSocket): string[] =>
  socket.of('next').map(({ payload }) => payload.data.notificationAdded.data.jobType);

/** A subscription has no acknowledgement, so this repeats a notification until one arrives. */
async function untilSubscribed(socket: GraphqlSocket, user: SignedIn): Promise<void> {
  await until(async () => {
    await notify(app, user.user.id, { label: 'probe' });
    return socket.of('next').length > 0;
  }, 'the subscription to start');
}

const seenLabels = (socket: GraphqlSocket): string[] => labels(socket).filter((title) => title !== 'probe');

describe('notificationAdded', () => {
  it('sends each new notification once and in order', async () => {
    const user = await signedIn(app);
    const socket = await connect(user);
    socket.subscribe('1', QUERY);
    await untilSubscribed(socket, user);

    for (const index of times(20, (at) => at)) await notify(app, user.user.id, { label: `n${index}` });

    await until(() => seenLabels(socket).length >= 20, '20 notifications');
    expect(seenLabels(socket)).toEqual(times(20, (index) => `n${index}`));
  });

  it('sends what a client missed after its last id', async () => {
    const user = await signedIn(app);
    await notify(app, user.user.id, { label: 'seen' });
    const [last] = (await user.get('/v1/notifications')).body.data;
    await notify(app, user.user.id, { label: 'missed' });

    const socket = await connect(user);
    socket.subscribe('1', QUERY, { after: last.id });

    await socket.received('next');
    expect(labels(socket)).toEqual(['missed']);
  });

  it('loads the fields of nested objects for each event', async () => {
    const user = await signedIn(app);
    const { id } = await createJob(app, { userId: user.user.id });
    await notify(app, user.user.id, { label: 'first' });
    const [last] = (await user.get('/v1/notifications')).body.data;
    const data = { jobId: id, jobType: 'x' };
    await notify(app, user.user.id, { data });
    const socket = await connect(user);
    const query =
      'subscription ($after: ID) { notificationAdded(after: $after) { job { status owner { id } } } }';

    socket.subscribe('1', query, { after: last.id });
    await socket.received('next');
    await app.db.query(`UPDATE jobs SET status = 'completed' WHERE id = $1`, [id]);
    await notify(app, user.user.id, { data });
    const events = await socket.received('next', 2);

    expect(events.map(({ payload }) => payload.data.notificationAdded.job)).toEqual([
      { status: 'queued', owner: { id: user.user.id } },
      { status: 'completed', owner: { id: user.user.id } },
    ]);
  });

  it('sends nothing of other users, and nothing after complete', async () => {
    const [user, other] = await Promise.all([signedIn(app), signedIn(app)]);
    const [socket, theirs] = [await connect(user), await connect(other)];
    socket.subscribe('1', QUERY);
    theirs.subscribe('1', QUERY);
    await untilSubscribed(socket, user);
    await untilSubscribed(theirs, other);
    const received = socket.of('next').length;

    socket.send({ type: 'complete', id: '1' });
    await notify(app, user.user.id, { label: 'late' });
    await notify(app, other.user.id, { label: 'theirs' });

    await until(() => seenLabels(theirs).length > 0, 'the other notification');
    expect(seenLabels(theirs)).toEqual(['theirs']);
    expect(socket.of('next').length).toBe(received);
  });

  it('resumes reading after the database failed', async () => {
    const user = await signedIn(app);
    const socket = await connect(user);
    socket.subscribe('1', QUERY);
    await untilSubscribed(socket, user);
    const service = app.api.get(NotificationsService);
    let failures = 0;
    const read = jest.spyOn(service, 'listAfter').mockImplementation(async () => {
      failures += 1;
      throw new Error('no database');
    });

    await notify(app, user.user.id, { label: 'during' });
    await until(() => failures > 0, 'a failed poll');
    read.mockRestore();

    await until(() => seenLabels(socket).length > 0, 'the notification');
    expect(seenLabels(socket)).toEqual(['during']);
  });
});

describe.each<Backend>(['postgres', 'redis'])('with two instances on %s', (backend) => {
  it('delivers what commits on one to subscribers of the other, and closes at logout', async () => {
    const shared = await TestApp.start({ backend });
    try {
      const other = await shared.startAnother();
      const user = await signedIn(shared);
      const socket = await GraphqlSocket.connect(other.url, user.accessToken);
      socket.subscribe('1', QUERY);
      await until(async () => {
        await notify(shared, user.user.id, { label: 'across' });
        return socket.of('next').length > 0;
      }, 'a notification of the other instance');

      expect(labels(socket)).toContain('across');
      await user.post('/v1/auth/logout');
      expect(await socket.untilClosed()).toEqual({ code: 4401, reason: 'session-ended' });
    } finally {
      await shared.stop();
    }
  });
});

describe('a socket', () => {
  it.each([
    ['without a payload', undefined],
    ['without a token', {}],
    ['with an invalid token', { authorization: 'Bearer x' }],
    ['with a token that is no text', { authorization: { $ne: null } }],
  ])('is closed with 4401 %s', async (_case, payload) => {
    const socket = await open();

    socket.init(payload);

    expect((await socket.untilClosed()).code).toBe(4401);
    expect(socket.messages).toEqual([]);
  });

  it('is closed with 4401 when it subscribes before connection_init', async () => {
    const socket = await open();

    socket.subscribe('1', QUERY);

    expect((await socket.untilClosed()).code).toBe(4401);
  });

  it('is closed with 4408 when it sends no connection_init', async () => {
    const socket = await open();

    expect((await socket.untilClosed()).code).toBe(4408);
  });

  it('is closed with 4401 when its session ends', async () => {
    const user = await signedIn(app);
    const socket = await connect(user);

    await user.post('/v1/auth/logout-all');

    expect(await socket.untilClosed()).toEqual({ code: 4401, reason: 'session-ended' });
    const late = await open();
    late.init({ authorization: `Bearer ${user.accessToken}` });
    expect((await late.untilClosed()).code).toBe(4401);
  });

  it('is limited to five per user: a sixth closes the oldest', async () => {
    const user = await signedIn(app);
    const five = [];
    for (let count = 0; count < 5; count += 1) five.push(await connect(user));

    await connect(user);

    expect(await five[0]!.untilClosed()).toEqual({ code: 4429, reason: 'too-many-streams' });
    expect(five.slice(1).map(({ closed }) => closed)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it.each([
    ['a query', '{ me { id } }', 'GRAPHQL_INVALID'],
    ['a syntax error', 'subscription {', 'GRAPHQL_INVALID'],
    ['an unknown field', 'subscription { notificationAdded { secret } }', 'GRAPHQL_INVALID'],
    [
      'two root fields',
      'subscription { a: notificationAdded { id } b: notificationAdded { id } }',
      'GRAPHQL_INVALID',
    ],
    [
      'too deep a selection',
      'subscription { notificationAdded { job { owner { a { b { c { d { e } } } } } } } }',
      'GRAPHQL_TOO_DEEP',
    ],
    ['too many tokens', `subscription { notificationAdded { ${'id '.repeat(1_000)} } }`, 'GRAPHQL_TOO_LARGE'],
  ])('rejects %s and stays open', async (_case, query, code) => {
    const socket = await connect(await signedIn(app));

    socket.subscribe('1', query);

    const [error] = await socket.received('error');
    expect(error).toMatchObject({
      id: '1',
      payload: [{ extensions: { code, correlationId: expect.any(String) } }],
    });
    socket.send({ type: 'ping' });
    await socket.received('pong');
  });

  it('takes ten subscriptions', async () => {
    const socket = await connect(await signedIn(app));

    for (const id of times(11, String)) socket.subscribe(id, QUERY);

    const [error] = await socket.received('error');
    expect(error).toMatchObject({ id: '10', payload: [{ extensions: { code: 'LIMIT_REACHED' } }] });
  });

  it.each([
    ['no JSON', 'x', 4400],
    ['an unknown message', '{"type":"start"}', 4400],
    ['too large a message', `{"type":"ping","payload":{"x":"${'x'.repeat(110_000)}"}}`, 1009],
  ])('is closed after %s', async (_case, text, code) => {
    const socket = await connect(await signedIn(app));

    socket.sendText(text);

    expect((await socket.untilClosed()).code).toBe(code);
  });

  it('of another protocol is rejected', async () => {
    const socket = await GraphqlSocket.open(url, { protocol: 'graphql-ws' });

    expect((await socket.untilClosed()).code).not.toBe(1000);
  });

  it('can be opened at /graphql only: elsewhere the Upgrade header has no effect', async () => {
    const { port } = new URL(url);
    const response = await exchange(
      Number(port),
      'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );

    expect(response).toMatch(/^HTTP\/1.1 200 /);
  });

  it('is closed when the instance drains', async () => {
    const other = await app.startAnother();
    const socket = await connect(await signedIn(app), other.url);

    const ended = other.end();

    expect(await socket.untilClosed()).toEqual({ code: 1001, reason: 'server-draining' });
    expect(await ended).toMatchObject({ code: 0 });
  });
});
