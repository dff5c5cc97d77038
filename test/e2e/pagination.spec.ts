import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TOTAL_MAX } from '../../src/platform/http/schemas.ts';
import { matrix } from '../contract/authorization-matrix.ts';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import {
  createDeliveries,
  createDeliveryWithAttempts,
  createEndpoint,
} from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { type Operation, operations } from '../support/openapi.ts';
import { times } from '../support/until.ts';

const ROWS = 3;

/** Adds rows to a list of the caller. Returns the URL of the list. */
type AddRows = (caller: SignedIn) => Promise<string>;

/** The lists with pages that the template has. A product adds others. */
const OWN: Record<string, AddRows> = {
  listUsers: async () => {
    await repeat(() => createUser(app));
    return '/v1/users';
  },
  listJobs: async ({ user }) => {
    await repeat(() => createJob(app, { userId: user.id, createdAt: new Date() }));
    return '/v1/jobs';
  },
  listNotifications: async ({ user }) => {
    await repeat(() => notify(app, user.id));
    return '/v1/notifications';
  },
  listAuditEvents: async () => {
    await insertAuditEvents(ROWS);
    return '/v1/audit-events';
  },
  listWebhookEndpoints: async (caller) => {
    await repeat(() => createEndpoint(caller, 'https://example.com/hook'));
    return '/v1/webhook-endpoints';
  },
  listWebhookDeliveries: async (caller) => {
    const endpoint = await createEndpoint(caller, 'https://example.com/hook');
    await createDeliveries(app, endpoint, { count: ROWS });
    return `/v1/webhook-endpoints/${endpoint.id}/deliveries`;
  },
  listDeliveryAttempts: async (caller) => {
    const endpoint = await createEndpoint(caller, 'https://example.com/hook');
    const id = await createDeliveryWithAttempts(app, endpoint, ROWS);
    return `/v1/webhook-deliveries/${id}/attempts`;
  },
};
const paged = operations.filter(({ parameters = [] }) => parameters.some(({ name }) => name === 'cursor'));
/** Other lists: the row of the authorization matrix creates an item of the list. */
const others = paged.filter(({ operationId }) => !(operationId in OWN));
const LISTS: Record<string, AddRows> = {
  ...OWN,
  ...Object.fromEntries(others.map((list) => [list.operationId, (owner) => addByMatrix(list, owner)])),
};
/** The lists that show every row, so each caller sees the same rows. */
const SHARED = ['listUsers', 'listJobs', 'listAuditEvents'];

interface Caller {
  get: SignedIn['get'];
  /** The URL of each list, by its operation. */
  urls: Record<string, string>;
}

let app: TestApp;
let caller: Caller;
let other: Caller;

beforeAll(async () => {
  app = await TestApp.start();
  caller = await callerWithRows();
  other = await callerWithRows();
});

afterAll(() => app.stop());

it('these are the lists with pages of the document', () => {
  expect(Object.keys(LISTS).toSorted()).toEqual(paged.map(({ operationId }) => operationId).toSorted());
});

describe.each(Object.keys(LISTS))('%s', (operationId) => {
  const urlOf = ({ urls }: Caller): string => urls[operationId]!;
  const { parameters = [] } = operations.find((operation) => operation.operationId === operationId)!;
  const sorts = parameters.find(({ name }) => name === 'sort')!.schema['enum'] as string[];

  it.each(sorts)('returns each row once when sorted by %s', async (sort) => {
    const pages: string[][] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await caller.get(`${urlOf(caller)}?limit=2&sort=${sort}${next && `&cursor=${next}`}`);
      pages.push(body.data.map(({ id }: { id: string }) => id));
      next = body.meta.nextCursor;
    }

    const whole = await caller.get(`${urlOf(caller)}?limit=100&sort=${sort}`);
    expect(pages.flat()).toEqual(whole.body.data.map(({ id }: { id: string }) => id));
    expect(pages.length).toBeGreaterThan(1);
  });

  it('rejects the cursor of another caller, list or sort', async () => {
    const cursorOf = async (from: string, who: Caller) =>
      String((await who.get(`${from}?limit=1&sort=createdAt`)).body.meta.nextCursor);
    const url = urlOf(caller);
    const elsewhere = url === '/v1/users' ? '/v1/jobs' : '/v1/users';
    const [foreign, fromElsewhere, own] = await Promise.all([
      cursorOf(urlOf(other), other),
      cursorOf(elsewhere, caller),
      cursorOf(url, caller),
    ]);

    const responses = await Promise.all([
      caller.get(`${url}?sort=createdAt&cursor=${foreign}`),
      caller.get(`${url}?sort=createdAt&cursor=${fromElsewhere}`),
      caller.get(`${url}?sort=-createdAt&cursor=${own}`),
    ]);

    for (const response of responses)
      expect(response).toMatchObject({ status: 400, body: { code: 'INVALID_CURSOR' } });
    expect((await caller.get(`${url}?sort=createdAt&cursor=${own}`)).status).toBe(200);
  });

  it.each(['sort=id', 'sort=passwordHash', 'unknown=1', 'include=all', 'include=total&include=total'])(
    'rejects what the document does not list: %s',
    async (query) => {
      const response = await caller.get(`${urlOf(caller)}?${query}`);

      expect(response).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    },
  );

  it('returns the total if it is asked for, the same on each page', async () => {
    const url = urlOf(caller);
    const first = await caller.get(`${url}?limit=1&include=total`);
    const second = await caller.get(`${url}?limit=1&include=total&cursor=${first.body.meta.nextCursor}`);
    const without = await caller.get(url);

    const all = await caller.get(`${url}?limit=100`);
    expect([first, second].map(({ body }) => body.meta.total)).toEqual(times(2, () => all.body.data.length));
    expect(without.body.meta).not.toHaveProperty('total');
  });

  it('counts only what the caller may see', async () => {
    const [own, foreign] = await Promise.all(
      [caller, other].map((who) => who.get(`${urlOf(who)}?include=total&limit=100`)),
    );
    const [ids, foreignIds] = [own!, foreign!].map(({ body }) =>
      body.data.map(({ id }: { id: string }) => id),
    );

    const isShared = ids.some((id: string) => foreignIds.includes(id));
    expect(isShared).toBe(SHARED.includes(operationId));
    expect(own!.body.meta.total).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(ROWS);
  });
});

describe('a total', () => {
  it('counts the rows that match the filters', async () => {
    await Promise.all(times(2, () => createUser(app, { status: 'suspended' })));

    const [suspended, none] = await Promise.all([
      caller.get('/v1/users?status=suspended&include=total&limit=1'),
      caller.get('/v1/users?email=unknown&include=total'),
    ]);

    expect(suspended.body.meta).toMatchObject({ total: 2, nextCursor: expect.any(String) });
    expect(none.body).toEqual({ data: [], meta: { limit: 20, nextCursor: null, total: 0 } });
  });

  it(`is null above ${TOTAL_MAX}`, async () => {
    const { body: before } = await caller.get('/v1/audit-events?include=total');

    await insertAuditEvents(TOTAL_MAX - before.meta.total);
    const atLimit = await caller.get('/v1/audit-events?include=total');
    await insertAuditEvents(1);
    const above = await caller.get('/v1/audit-events?include=total');

    expect(atLimit.body.meta.total).toBe(TOTAL_MAX);
    expect(above.body.meta.total).toBeNull();
  });
});

/** An administrator with rows in every list. */
async function callerWithRows(): Promise<Caller> {
  const admin = await signedIn(app, { role: 'admin' });
  const urls: Record<string, string> = {};
  for (const [operationId, add] of Object.entries(LISTS)) urls[operationId] = await add(admin);
  return { get: admin.get.bind(admin), urls };
}

async function addByMatrix({ operationId, path }: Operation, owner: SignedIn): Promise<string> {
  const { of } = matrix[operationId] ?? {};
  if (!of || path.includes('{'))
    throw new Error(
      `The row of ${operationId} needs an item of the list: { of }. A list with an id needs a line in OWN.`,
    );
  await repeat(() => of(app, owner));
  return path;
}

/** One after the other, because a row may lock its user. */
async function repeat(add: () => Promise<unknown>): Promise<void> {
  for (let row = 0; row < ROWS; row += 1) await add();
}

const insertAuditEvents = (count: number) =>
  app.db.query(
    `INSERT INTO audit_events (id, type, data) SELECT gen_random_uuid(), 'sign-in-blocked', '{}' FROM generate_series(1, $1::int)`,
    [count],
  );
