import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GraphQLError } from 'graphql';
import { NotificationStreamService } from '../../src/notifications/notification-stream.service.ts';
import { PullQueue } from '../../src/platform/graphql/pull-queue.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { countedGraphqlErrors } from '../support/graphql.ts';

const SUBSCRIPTION = 'subscription { notificationAdded { id } }';

let app: TestApp;
let socket: GraphqlSocket;

beforeAll(async () => {
  app = await TestApp.start();
  const { accessToken } = await signedIn(app);
  socket = await GraphqlSocket.connect(await app.listen(), accessToken);
});

afterAll(async () => {
  socket.close();
  await app.stop();
});

afterEach(() => {
  jest.restoreAllMocks();
});

const streamsOf = () => jest.spyOn(app.api.get(NotificationStreamService), 'iterate');

describe('an error of a subscription', () => {
  it('is counted when the subscription is rejected', async () => {
    socket.subscribe('rejected', 'subscription { unknownField }');
    await socket.received('error');

    expect(await countedGraphqlErrors(app)).toEqual({
      '{code="GRAPHQL_INVALID",operation="subscription"}': 1,
    });
  });

  it('is counted when the subscription does not start, and has no internal message', async () => {
    streamsOf().mockRejectedValueOnce(new Error('a secret'));

    socket.subscribe('not-started', SUBSCRIPTION);
    const [next] = await socket.received('next');

    expect(next).toMatchObject({ payload: { errors: [{ extensions: { code: 'INTERNAL' } }] } });
    expect(JSON.stringify(next)).not.toContain('secret');
    expect(await countedGraphqlErrors(app)).toMatchObject({
      '{code="INTERNAL",operation="subscription"}': 1,
    });
  });

  it('is counted when the subscription fails later, and has no internal message', async () => {
    const failing = new PullQueue<never>();
    const thrown = new GraphQLError('a secret', { extensions: { code: 'FROM_A_LIBRARY' } });
    jest.spyOn(failing, 'next').mockRejectedValueOnce(thrown);
    streamsOf().mockResolvedValueOnce(failing);

    socket.subscribe('failing', SUBSCRIPTION);
    const error = (await socket.received('error', 2)).at(-1);

    expect(error).toMatchObject({ id: 'failing', payload: [{ extensions: { code: 'INTERNAL' } }] });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(await countedGraphqlErrors(app)).toMatchObject({
      '{code="INTERNAL",operation="subscription"}': 2,
    });
  });
});
