import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { matrix } from '../contract/authorization-matrix.ts';
import { bodyOf } from '../contract/authorization-rule.ts';
import { createUser } from '../factories/user.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { addressOf, openapi, type Operation, operations } from '../support/openapi.ts';
import { times } from '../support/until.ts';

interface Resource {
  caller: SignedIn;
  path: string;
  /** The body of a change. */
  change: (index: number) => object;
}

/** Resources by the operation that edits them. Other resources come from the rows of the authorization matrix. */
const OWN: Record<string, () => Promise<Resource>> = {
  updateMe: async () => ({
    caller: await signedIn(app),
    path: '/v1/users/me',
    change: (index) => ({ displayName: `Name ${index}` }),
  }),
  updateUser: async () => ({
    caller: admin,
    path: `/v1/users/${(await createUser(app)).user.id}`,
    change: (index) => ({ status: index % 2 ? 'suspended' : 'active' }),
  }),
  updateWebhookEndpoint: async () => {
    const caller = await signedIn(app);
    const { id } = await createEndpoint(caller, 'https://example.com');
    return {
      caller,
      path: `/v1/webhook-endpoints/${id}`,
      change: (index) => ({ description: `Change ${index}` }),
    };
  },
};
/** A resource without GET has no ETag. */
const edits = operations.filter(
  ({ method, path }) => ['patch', 'put'].includes(method) && openapi.paths[path]!['get'],
);
const RESOURCES = Object.fromEntries(
  edits.map((operation) => [operation.operationId, OWN[operation.operationId] ?? resourceOf(operation)]),
);
/** Resources with a DELETE that accepts If-Match. */
const DELETABLE = edits
  .filter(({ path }) => openapi.paths[path]!['delete']?.responses['412'])
  .map(({ operationId }) => operationId);

/** The resource of the matrix, which its owner edits. */
function resourceOf(operation: Operation): () => Promise<Resource> {
  return async () => {
    const { of, ...row } = matrix[operation.operationId] ?? {};
    if (!of)
      throw new Error(`The row of ${operation.operationId} needs the resource that it changes: { of, body }`);
    const caller = await signedIn(app);
    const values = await of(app, caller);
    const body = Object(bodyOf(row, values)) as object;
    return { caller, path: addressOf(operation, values), change: () => body };
  };
}

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

it('each resource listed here has an operation that edits it', () => {
  expect(Object.keys(OWN).filter((operationId) => !(operationId in RESOURCES))).toEqual([]);
});

describe.each(Object.entries(RESOURCES))('the resource of %s', (_operation, create) => {
  let resource: Resource;
  const read = () => resource.caller.get(resource.path);
  const edit = (index: number) => resource.caller.patch(resource.path, resource.change(index));
  const etagOf = ({ headers }: { headers: Record<string, string> }) => String(headers['etag']);

  beforeAll(async () => {
    resource = await create();
  });

  it('has the same ETag in a GET as in the response to the last change', async () => {
    const before = etagOf(await read());
    const edited = await edit(1);
    const after = etagOf(await read());

    expect(edited.status).toBe(200);
    expect(after).toMatch(/^"\d+"$/);
    expect(after).toBe(etagOf(edited));
    expect(after).not.toBe(before);
  });

  it.each([
    ['the ETag', (etag: string) => etag],
    ['the ETag as a proxy weakens it', (etag: string) => `W/${etag}`],
    ['a list with the ETag', (etag: string) => `"other", ${etag}`],
    ['*', () => '*'],
  ])('is not sent again if If-None-Match is %s', async (_name, header) => {
    const etag = etagOf(await read());

    const answer = await read().set('if-none-match', header(etag));

    expect(answer.status).toBe(304);
    expect(answer.text).toBeFalsy();
    expect(answer.headers).toMatchObject({ etag, 'cache-control': 'no-store' });
  });

  it('is sent if If-None-Match names an old version', async () => {
    const old = etagOf(await read());
    await edit(2);

    const answer = await read().set('if-none-match', old);

    expect(answer.status).toBe(200);
    expect(answer.body.data).toBeDefined();
  });

  it.each([
    ['an old version', (etag: string) => `"${Number(etag.replaceAll('"', '')) - 1}"`],
    ['no ETag', () => 'yesterday'],
    ['nothing', () => ''],
    ['several versions', (etag: string) => `${etag}, "7"`],
  ])('does not change if If-Match names %s', async (_name, header) => {
    const before = await read();

    const answer = await edit(3).set('if-match', header(etagOf(before)));

    expect(answer).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect((await read()).body).toEqual(before.body);
  });

  it('changes once when several clients send the same version', async () => {
    const etag = etagOf(await read());

    const answers = await Promise.all(times(5, (index) => edit(index).set('if-match', etag)));

    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412, 412]);
  });

  it('changes without If-Match: no 428', async () => {
    expect((await edit(4)).status).toBe(200);
  });
});

describe.each(DELETABLE)('a DELETE of the resource of %s', (operation) => {
  it('honours If-Match', async () => {
    const { caller, path, change } = await RESOURCES[operation]!();
    const { headers: old } = await caller.get(path);
    const { headers: current } = await caller.patch(path, change(1));

    const rejected = await caller.delete(path).set('if-match', old['etag']!);
    const still = await caller.get(path);
    const deleted = await caller.delete(path).set('if-match', current['etag']!);

    expect(rejected).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect([still.status, deleted.status]).toEqual([200, 204]);
  });
});
