import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { setImmediate as afterPromises } from 'node:timers/promises';
import { EventStreams } from '../../src/platform/http/event-streams.service.ts';
import { RateLimiter } from '../../src/platform/security/rate-limiter.service.ts';
import {
  type Caller,
  callers,
  make,
  type Users,
  createUsers,
  type Thing,
} from '../contract/authorization-matrix.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { graphql, type GraphqlResult, resultOf } from '../support/graphql.ts';
import { openapi } from '../support/openapi.ts';
import { times, until } from '../support/until.ts';

interface Rule {
  /** What the field returns for each caller: `ok` or an error code. */
  expected: Record<Caller, string>;
  operation: string;
  /** A resource of the owner for `$id`. */
  of?: Thing;
}

type Codes = [anonymous: string, other: string, owner: string, admin: string];

const NO = 'UNAUTHENTICATED';

const rule = ([anonymous, other, owner, admin]: Codes, operation: string, of?: Thing): Rule => ({
  expected: { anonymous, other, owner, admin },
  operation,
  ...(of && { of }),
});

/** Each root field of the schema needs a row. */
const matrix: Record<string, Rule> = {
  me: rule([NO, 'ok', 'ok', 'ok'], '{ me { id } }'),
  user: rule([NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'], 'query ($id: ID!) { user(id: $id) { id } }', 'account'),
  users: rule([NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'], '{ users { edges { node { id } } } }'),
  job: rule([NO, 'NOT_FOUND', 'ok', 'ok'], 'query ($id: ID!) { job(id: $id) { id } }', 'queued job'),
  jobs: rule([NO, 'ok', 'ok', 'ok'], '{ jobs { edges { node { id } } } }'),
  notifications: rule([NO, 'ok', 'ok', 'ok'], '{ notifications { edges { node { id } } } }'),
  webhookEndpoints: rule([NO, 'ok', 'ok', 'ok'], '{ webhookEndpoints { edges { node { id } } } }'),
  updateMe: rule([NO, 'ok', 'ok', 'ok'], 'mutation { updateMe(input: { displayName: "New" }) { id } }'),
  startJob: rule([NO, 'ok', 'ok', 'ok'], 'mutation { startJob(input: { type: "user-export" }) { id } }'),
  cancelJob: rule(
    [NO, 'NOT_FOUND', 'ok', 'ok'],
    'mutation ($id: ID!) { cancelJob(id: $id) { id } }',
    'queued job',
  ),
  retryJob: rule(
    [NO, 'NOT_FOUND', 'ok', 'ok'],
    'mutation ($id: ID!) { retryJob(id: $id) { id } }',
    'failed job',
  ),
  markNotificationRead: rule(
    [NO, 'NOT_FOUND', 'ok', 'NOT_FOUND'],
    'mutation ($id: ID!) { markNotificationRead(id: $id) { id } }',
    'notification',
  ),
  notificationAdded: rule([NO, 'ok', 'ok', 'ok'], 'subscription { notificationAdded { id } }'),
};

let app: TestApp;
let url: string;

beforeAll(async () => {
  app = await TestApp.start();
  url = await app.listen();
});

afterAll(() => app.stop());

const schema = () => app.api.get(GraphQLSchemaHost, { strict: false }).schema;

describe('the GraphQL authorization matrix', () => {
  it('has exactly one row for each root field of the schema', () => {
    const roots = [schema().getQueryType(), schema().getMutationType(), schema().getSubscriptionType()];
    const fields = roots.flatMap((root) => Object.keys(root?.getFields() ?? {}));

    expect(Object.keys(matrix).toSorted()).toEqual(fields.toSorted());
  });

  it.each(Object.entries(matrix))('matches the API: %s', async (_field, { expected, operation, of }) => {
    const users = await createUsers(app);

    const answered: Partial<Record<Caller, string>> = {};
    for (const caller of callers) {
      const id = of && (await make(of, app, users.owner));
      answered[caller] = operation.startsWith('subscription')
        ? await subscribe(users, caller, operation)
        : outcomeOf(await run(users, caller, operation, id));
    }

    expect(answered).toEqual(expected);
  });

  it('rejects anonymous callers with 401 and a Bearer challenge, even for an invalid document', async () => {
    const response = await app.http().post('/graphql').send({ query: '{ unknown }' });

    expect(resultOf(response)).toMatchObject({ status: 401, codes: ['UNAUTHENTICATED'] });
    expect(response.body.data).toBeUndefined();
    expect(response.headers['www-authenticate']).toBe('Bearer');
    const bad = await app
      .http()
      .post('/graphql')
      .set('authorization', 'Bearer x')
      .send({ query: '{ me { id } }' });
    expect(bad.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });
});

describe('a WebSocket', () => {
  it('is not tracked if the client disconnects before its token is accepted', async () => {
    const user = await signedIn(app);
    const check = Promise.withResolvers<void>();
    const count = jest.spyOn(app.api.get(RateLimiter), 'count').mockReturnValueOnce(check.promise);
    const track = jest.spyOn(app.api.get(EventStreams), 'track');
    const socket = await GraphqlSocket.open(url);
    socket.init({ authorization: `Bearer ${user.accessToken}` });
    await until(() => count.mock.calls.length > 0, 'the check of the token');

    socket.close();
    await socket.untilClosed();
    check.resolve();
    await afterPromises();

    expect(track).not.toHaveBeenCalled();
    jest.restoreAllMocks();
  });

  it('with an invalid token counts in the rate limit of the client, behind a proxy too', async () => {
    const limited = await app.startAnother({ RATE_LIMIT_FACTOR: '0.1', TRUST_PROXY: '1' });
    const closeOf = async (ip: string): Promise<string> => {
      const socket = await GraphqlSocket.open(limited.url, { headers: { 'x-forwarded-for': ip } });
      socket.init({ authorization: 'Bearer invalid' });
      const { code, reason } = await socket.untilClosed();
      return `${code} ${reason}`;
    };

    const closes = await Promise.all(times(31, () => closeOf('203.0.113.7')));
    const otherClient = await closeOf('203.0.113.8');

    expect(closes.toSorted()).toEqual([...times(30, () => '4401 UNAUTHENTICATED'), '4429 RATE_LIMITED']);
    expect(otherClient).toBe('4401 UNAUTHENTICATED');
  });
});

describe('the types of the schema', () => {
  it.each(['User', 'Job', 'Notification', 'WebhookEndpoint'])('%s has the fields of REST', (name) => {
    const type = schema().getType(name) as { getFields(): object };
    const { properties } = openapi.components.schemas[name]!;
    const own = { Job: ['owner'], Notification: ['job'] }[name] ?? [];

    const fields = Object.keys(type.getFields()).filter((field) => !own.includes(field));

    expect(fields.toSorted()).toEqual(Object.keys(properties as object).toSorted());
  });
});

function run(users: Users, caller: Caller, query: string, id?: string): Promise<GraphqlResult> {
  const variables = id === undefined ? undefined : { id };
  if (caller !== 'anonymous') return graphql(users[caller], query, variables);
  return app.http().post('/graphql').send({ query, variables }).then(resultOf);
}

const outcomeOf = ({ codes }: GraphqlResult): string => codes[0] ?? 'ok';

async function subscribe(users: Users, caller: Caller, query: string): Promise<string> {
  const socket = await GraphqlSocket.open(url);
  try {
    socket.init(caller === 'anonymous' ? {} : { authorization: `Bearer ${users[caller].accessToken}` });
    if (caller === 'anonymous') return (await socket.untilClosed()).code === 4401 ? NO : 'other';
    await socket.received('connection_ack');
    socket.subscribe('1', query);
    socket.send({ type: 'ping' });
    await socket.received('pong');
    return socket.of('error')[0]?.payload[0].extensions.code ?? 'ok';
  } finally {
    socket.close();
  }
}
