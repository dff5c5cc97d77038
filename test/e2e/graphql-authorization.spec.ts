import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { setImmediate as afterPromises } from 'node:timers/promises';
import { EventStreams } from '../../src/platform/http/event-streams.service.ts';
import { RateLimiter } from '../../src/platform/security/rate-limiter.service.ts';
import { collectRows } from '../contract/authorization-matrix.ts';
import {
  type Caller,
  callers,
  createUsers,
  defineRoles,
  type Users,
  usersOf,
} from '../contract/authorization-rule.ts';
import type { FieldRule } from '../contract/graphql-rule.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { graphql, type GraphqlResult, resultOf } from '../support/graphql.ts';
import { openapi } from '../support/openapi.ts';
import { times, until } from '../support/until.ts';

/** Expected outcome per root field and caller. */
const graphqlMatrix = await collectRows<FieldRule>(/\.graphql\.ts$/);

let app: TestApp;
let url: string;

beforeAll(async () => {
  app = await TestApp.start();
  url = await app.listen();
  defineRoles(app);
});

afterAll(() => app.stop());

const schema = () => app.api.get(GraphQLSchemaHost, { strict: false }).schema;

describe('the GraphQL authorization matrix', () => {
  it('has exactly one row for each root field of the schema', () => {
    const roots = [schema().getQueryType(), schema().getMutationType(), schema().getSubscriptionType()];
    const fields = roots.flatMap((root) => Object.keys(root?.getFields() ?? {}));

    expect(Object.keys(graphqlMatrix).toSorted()).toEqual(fields.toSorted());
  });

  it.each(Object.entries(graphqlMatrix))(
    'matches the API: %s',
    async (_field, { expected, operation, of }) => {
      const users = await createUsers(app);

      const answered: Partial<Record<Caller, string>> = {};
      for (const caller of callers) {
        const values = await of?.(app, users.owner);
        const variables = typeof values === 'string' ? { id: values } : values;
        answered[caller] = operation.startsWith('subscription')
          ? await subscribe(users, caller, operation)
          : outcomeOf(await run(users, caller, operation, variables));
      }

      expect(answered).toEqual(expected);
    },
  );

  it('names the permission of each field that an administrator may use and others may not', () => {
    for (const [field, { expected, permission }] of Object.entries(graphqlMatrix))
      expect([field, permission !== undefined]).toEqual([field, expected.admin !== expected.other]);
  });

  it.each(Object.entries(graphqlMatrix).filter(([, { permission }]) => permission))(
    'matches the API for a role with only the permission, and one without it: %s',
    async (_field, { expected, operation, of, permission = '', without = 'FORBIDDEN' }) => {
      const { owner } = await createUsers(app);
      const { holder, lacking } = await usersOf(permission, app);

      const outcomes: string[] = [];
      for (const who of [holder, lacking]) {
        const values = await of?.(app, owner);
        const variables = typeof values === 'string' ? { id: values } : values;
        outcomes.push(outcomeOf(await graphql(who, operation, variables)));
      }

      expect(outcomes).toEqual([expected.admin, without]);
    },
  );

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

/** The schema, or the schemas of its union: REST has one schema per type of notification. */
function variantsOf(name: string) {
  const found = openapi.components.schemas[name]!;
  const references = found['oneOf'] as { $ref: string }[] | undefined;
  return references?.map(({ $ref }) => openapi.components.schemas[$ref.split('/').at(-1)!]!) ?? [found];
}

describe('the types of the schema', () => {
  it.each(['User', 'Job', 'Notification', 'WebhookEndpoint', 'WebhookDelivery'])(
    '%s has the fields of REST',
    (name) => {
      const type = schema().getType(name) as { getFields(): object };
      const own =
        { Job: ['owner'], Notification: ['job'], WebhookEndpoint: ['latestDeliveries'] }[name] ?? [];

      const fields = Object.keys(type.getFields()).filter((field) => !own.includes(field));

      const variants = variantsOf(name);
      expect(variants.length).toBeGreaterThan(0);
      for (const { properties } of variants) {
        expect(fields.toSorted()).toEqual(Object.keys(properties as object).toSorted());
      }
    },
  );
});

function run(users: Users, caller: Caller, query: string, variables?: object): Promise<GraphqlResult> {
  if (caller !== 'anonymous') return graphql(users[caller], query, variables);
  return app.http().post('/graphql').send({ query, variables }).then(resultOf);
}

const outcomeOf = ({ codes }: GraphqlResult): string => codes[0] ?? 'ok';

async function subscribe(users: Users, caller: Caller, query: string): Promise<string> {
  const socket = await GraphqlSocket.open(url);
  try {
    socket.init(caller === 'anonymous' ? {} : { authorization: `Bearer ${users[caller].accessToken}` });
    if (caller === 'anonymous')
      return (await socket.untilClosed()).code === 4401 ? 'UNAUTHENTICATED' : 'other';
    await socket.received('connection_ack');
    socket.subscribe('1', query);
    socket.send({ type: 'ping' });
    await socket.received('pong');
    return socket.of('error')[0]?.payload[0].extensions.code ?? 'ok';
  } finally {
    socket.close();
  }
}
