import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import type { SignedIn } from '../support/client.ts';
import { EventSource } from '../support/event-source.ts';
import { addressOf, hasOwnErrors, openapi, type Operation, operations } from '../support/openapi.ts';
import { matrix } from './authorization-matrix.ts';
import {
  bodyOf,
  type Caller,
  callers,
  createUsers,
  defineRoles,
  type Thing,
  type Users,
  usersOf,
} from './authorization-rule.ts';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Properties that an attacker may try to set. */
const PRIVILEGES = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  role: 'admin',
  roles: ['admin'],
  isAdmin: true,
  status: 'active',
  emailVerified: true,
  emailVerifiedAt: '2020-01-01T00:00:00.000Z',
  userId: '01890a5d-ac96-774b-bcce-b302099a8057',
  passwordHash: 'x',
  version: 1,
  createdAt: '2020-01-01T00:00:00.000Z',
};

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ settings: { API_DOCS: 'true' } });
  defineRoles(app);
  // A second administrator, because the last one can’t delete their account.
  await createUser(app, { role: 'admin' });
});

afterAll(() => app.stop());

describe('the authorization matrix', () => {
  it('has exactly one row for each operation of the app', async () => {
    const { body } = await app.http().get('/openapi.json');

    const served = Object.values(body.paths as typeof openapi.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(Object.keys(matrix).toSorted()).toEqual(served.toSorted());
  });

  it('matches the OpenAPI document on which operations need a token', () => {
    for (const { operationId, security } of operations) {
      const { expected, isPublic } = matrix[operationId]!;
      const needsToken = expected.anonymous === 401 && !isPublic;
      const isRequired = security.length > 0 && security.every((entry) => 'bearer' in entry);
      expect([operationId, isRequired]).toEqual([operationId, needsToken]);
    }
  });

  it.each(operations.map((operation) => [operation.operationId, operation] as const))(
    'matches the API: %s',
    async (_id, operation) => {
      const users = await createUsers(app);

      const answered: Partial<Record<Caller, number>> = {};
      for (const caller of callers) {
        const { status } = await call(operation, users, caller);
        answered[caller] = status;
      }

      expect(answered).toEqual(matrix[operation.operationId]?.expected);
      expect(await relatedStatuses(operation, users)).toEqual(wantedOf(operation));
    },
  );

  it('names the permission of each operation that an administrator may do and others may not', () => {
    for (const { operationId, 'x-required-permission': required } of operations) {
      const { expected, permission } = matrix[operationId]!;
      expect([operationId, permission !== undefined]).toEqual([
        operationId,
        expected.admin !== expected.other,
      ]);
      expect([operationId, required ?? permission]).toEqual([operationId, permission]);
    }
  });

  it.each(
    operations
      .filter(({ operationId }) => matrix[operationId]?.permission)
      .map((operation) => [operation.operationId, operation] as const),
  )('matches the API for a role with only the permission, and one without it: %s', async (id, operation) => {
    const { permission = '', expected, without = 403 } = matrix[id]!;
    const { owner } = await createUsers(app);
    const { holder, lacking } = await usersOf(permission, app);

    const statuses: number[] = [];
    for (const who of [holder, lacking]) {
      const values = await matrix[id]?.of?.(app, owner);
      statuses.push((await send(operation, values, who)).status);
    }

    expect(statuses).toEqual([expected.admin, without]);
  });

  it('responds the same for the resource of another user and for an unknown one', async () => {
    const hidden = operations.filter(({ operationId }) => matrix[operationId]?.expected.other === 404);
    const owned = hidden.filter(({ operationId }) => matrix[operationId]?.of);
    const users = await createUsers(app);
    expect(owned.length).toBeGreaterThan(3);

    for (const operation of owned) {
      const foreign = await call(operation, users, 'other');
      const request = as(users.other, operation.method, addressOf(operation));
      const row = matrix[operation.operationId]!;
      const sent = bodyOf(row, await row.of!(app, users.owner));
      const missing = await (sent ? request.send(sent) : request);
      const same = ({ body, status }: { body: Record<string, unknown>; status: number }) => ({
        ...body,
        status,
        correlationId: '',
        instance: '',
      });
      expect(same(foreign)).toEqual(same(missing));
    }
  });
});

describe('an operation with a body', () => {
  // The sender defines the format of a signed body.
  const writes = operations.filter(
    ({ requestBody }) => requestBody?.content['application/json']?.schema?.['$ref'],
  );

  it.each(writes.map((operation) => [operation.operationId, operation] as const))(
    'rejects unknown properties: %s',
    async (_id, operation) => {
      const users = await createUsers(app);
      const extra = Object.fromEntries(
        Object.entries(PRIVILEGES).filter(([name]) => !takes(operation, name)),
      );
      const before = await rowOf(users.admin);

      const answer = await call(operation, users, 'admin', extra);

      // An operation with its own form of errors may have no code and no list.
      const problem = { code: 'VALIDATION_FAILED', details: expect.any(Array) };
      expect(answer).toMatchObject({ status: 422, body: hasOwnErrors(operation) ? {} : problem });
      const names = Object.keys(extra);
      const rejected = answer.body.details?.map(({ path }: { path: string }) => path) ?? names;
      expect(rejected.toSorted()).toEqual(names.toSorted());
      expect(await rowOf(users.admin)).toEqual(before);
    },
  );
});

describe('a method that a path does not have', () => {
  const paths = Object.keys(openapi.paths).map((path) => {
    const taken = Object.keys(openapi.paths[path]!);
    return [path, METHODS.filter((method) => !taken.includes(method))] as const;
  });

  it.each(paths)('is rejected for administrators too: %s', async (path, methods) => {
    const { admin } = await createUsers(app);

    const answers = await Promise.all(
      methods.map((method) => as(admin, method, addressOf({ path } as Operation)).send({})),
    );

    // A path parameter also matches the words of other paths, so 404 is correct too.
    expect(answers.filter(({ status }) => ![404, 405].includes(status))).toEqual([]);
  });

  it.each([
    ['x-http-method-override', 'DELETE'],
    ['x-http-method', 'DELETE'],
    ['x-method-override', 'DELETE'],
  ])('is not had by a header: %s', async (header, method) => {
    const { owner } = await createUsers(app);

    const answers = [
      await owner.get('/v1/users/me').set(header, method),
      await owner.post('/v1/users/me', { _method: method }).set(header, method),
      await owner.get(`/v1/users/me?_method=${method}`),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 405, 422]);
    expect((await owner.get('/v1/users/me')).status).toBe(200);
  });
});

const wantedOf = ({ operationId }: Operation): Record<string, number> =>
  Object.fromEntries(
    Object.entries(matrix[operationId]?.also ?? {}).map(([name, { status }]) => [name, status]),
  );

/** The status for each relation that the row adds. */
async function relatedStatuses(operation: Operation, { owner }: Users): Promise<Record<string, number>> {
  const { of, also = {} } = matrix[operation.operationId] ?? {};
  const statuses: Record<string, number> = {};
  for (const [name, { as: relate }] of Object.entries(also)) {
    const values = await of!(app, owner);
    const { status } = await send(operation, values, await relate(app, values, owner));
    statuses[name] = status;
  }
  return statuses;
}

async function call(operation: Operation, users: Users, caller: Caller, extra: object = {}) {
  const values = await matrix[operation.operationId]?.of?.(app, users.owner);
  const who = caller === 'anonymous' ? undefined : users[caller];
  return send(operation, values, who, extra);
}

/** `values` is the result of the row's `of`. */
async function send(
  operation: Operation,
  values: Awaited<ReturnType<Thing>> | undefined,
  who: SignedIn | undefined,
  extra: object = {},
) {
  const { headers = {}, isEndless, ...row } = matrix[operation.operationId] ?? {};
  const [address, body] = [addressOf(operation, values), bodyOf(row, values)];
  if (isEndless) return headOf(address, who?.accessToken ?? '');
  const request = who ? as(who, operation.method, address) : app.http()[operation.method](address);
  void request.set(headers);
  if (typeof body === 'string') return request.send(body);
  return body ? request.send({ ...body, ...extra }) : request;
}

/** Reads only the status of a response that doesn’t end. */
async function headOf(address: string, accessToken: string) {
  const source = await EventSource.open(`${await app.listen()}${address}`, accessToken);
  source.close();
  return { status: source.status, body: {} as Record<string, any> };
}

const as = (who: SignedIn, method: Operation['method'], address: string) =>
  app.http()[method](address).set('authorization', `Bearer ${who.accessToken}`);

function takes({ requestBody }: Operation, name: string): boolean {
  const component = String(requestBody?.content['application/json']?.schema?.['$ref']).split('/').at(-1)!;
  return name in (openapi.components.schemas[component]!['properties'] as object);
}

const rowOf = async ({ user }: SignedIn) =>
  (await app.db.query('SELECT * FROM users WHERE id = $1', [user.id]))[0];
