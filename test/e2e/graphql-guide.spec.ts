import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { graphql, resultOf } from '../support/graphql.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';

const GUIDE = readGuide('graphql.md');
const examples = codeBlocks(GUIDE, 'graphql');

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('an example of the guide', () => {
  it('exists for each kind of operation', () => {
    expect(examples.map((text) => text.split(' ')[0])).toEqual([
      'query',
      'query',
      'mutation',
      'subscription',
    ]);
  });

  it.each(examples.filter((text) => !text.startsWith('subscription')))('runs: %s', async (text) => {
    expect(await graphql(user, text)).toMatchObject({ status: 200, codes: [] });
  });

  it.each(examples.filter((text) => text.startsWith('subscription')))('is accepted: %s', async (text) => {
    const socket = await GraphqlSocket.connect(await app.listen(), user.accessToken);
    socket.subscribe('1', text);
    socket.send({ type: 'ping' });
    await socket.received('pong');

    expect(socket.of('error')).toEqual([]);
    socket.close();
  });

  it('runs: the request of curl', async () => {
    const [, body = ''] = /-d '(\{.*\})'/.exec(GUIDE) ?? [];

    expect(resultOf(await user.post('/graphql', JSON.parse(body)))).toMatchObject({ status: 200, codes: [] });
  });
});
