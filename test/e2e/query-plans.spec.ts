import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import type { Test } from 'supertest';
import { DataSource } from 'typeorm';
import { JobDispatcher } from '../../src/jobs/job-dispatcher.service.ts';
import { NUMBERED_ROWS_MAX } from '../../src/platform/http/schemas.ts';
import { purgeStatement } from '../../src/platform/retention/purge.service.ts';
import { RetentionRules } from '../../src/platform/retention/retention.module.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codesOf, type Operation, operations, parameter } from '../support/openapi.ts';
import { countBlocks, findSlowNodes, recordStatements } from '../support/query-plans.ts';

const ROWS = 200_000;
/** Number of rows per table that belong to the caller. */
const ROWS_OF_ONE_USER = 20_000;
let app: TestApp;
let user: SignedIn;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ settings: { DATABASE_STATEMENT_TIMEOUT_MS: '60000' } });
  user = await signedIn(app);
  admin = await signedIn(app, { role: 'admin' });
  await seed(app.db, user.user.id);
}, 120_000);

afterAll(() => app.stop());

describe('with 200,000 rows in each table', () => {
  it('no filter and sort of a list reads a whole table or filters many rows', async () => {
    const statements = recordStatements(app.db);

    expect(await callLists()).toEqual([]);
    expect(await slowNodesOf(statements)).toEqual([]);
    expect([...statements.keys()].filter((text) => text.includes('ORDER BY')).length).toBeGreaterThan(100);
  }, 120_000);

  it('no statement of a request reads a whole table or filters many rows', async () => {
    const statements = recordStatements(app.db);

    const statuses = await callRoutes();

    expect(statuses.filter(([, status]) => status >= 400)).toEqual([]);
    expect(await slowNodesOf(statements)).toEqual([]);
  }, 60_000);

  it('no statement of a worker reads a whole table', async () => {
    const worker = await app.startWorker();
    const statements = recordStatements(worker.get(DataSource));
    await worker.get(JobDispatcher).sweep();
    await pause(3_000);

    expect([...statements.keys()].some((text) => text.includes('WITH undispatched'))).toBe(true);
    expect([...statements.keys()].some((text) => text.includes('claimable AS'))).toBe(true);
    expect(await slowNodesOf(statements)).toEqual([]);
  }, 60_000);

  it('no statement of the purge reads rows that it keeps', async () => {
    const rules = app.api.get(RetentionRules).all();

    const found: string[] = [];
    for (const rule of rules) {
      const statement = { text: purgeStatement(rule), parameters: [] };
      found.push(...(await findSlowNodes(app.db, statement, new Set(Object.keys(seeds)))));
    }

    expect(rules.length).toBeGreaterThan(10);
    expect(found).toEqual([]);
  }, 60_000);

  it('a search reads few blocks after many rows have changed', async () => {
    await app.db.query(`UPDATE users SET display_name = 'Changed ' || email WHERE id <= ${id('20000')}`);
    const statements = recordStatements(app.db);
    const { status, body } = await admin.get('/v1/users?q=199999');

    const searches = [...statements.values()].filter(({ text }) => text.includes('to_tsquery'));
    expect([status, body.data.length, searches.length]).toEqual([200, 1, 2]);
    for (const search of searches) expect(await countBlocks(app.db, search)).toBeLessThan(100);
  }, 60_000);
});

async function slowNodesOf(statements: ReturnType<typeof recordStatements>): Promise<string[]> {
  const recorded = [...statements.values()];
  const found: string[] = [];
  for (const statement of recorded)
    found.push(...(await findSlowNodes(app.db, statement, new Set(Object.keys(seeds)))));
  return found;
}

/** The id in the path of a list. */
const parents: Record<string, () => Promise<string>> = {
  listWebhookDeliveries: firstEndpointId,
  listDeliveryAttempts: async () => '00000000-0000-0000-0000-000000000001',
};

async function firstEndpointId(): Promise<string> {
  const { body } = await user.get('/v1/webhook-endpoints?sort=createdAt');
  return String(body.data[0].id);
}

/** Every list of the document in each sort, with each combination of its filters. */
async function callLists(): Promise<string[]> {
  const failures: string[] = [];
  for (const list of operations.filter((operation) => parameter(operation, 'cursor'))) {
    const id = await parents[list.operationId]?.();
    const path = list.path.replace('{id}', String(id));
    const callers =
      list.operationId === 'listJobs' ? [user, admin] : [codesOf(list, 403).length ? admin : user];
    for (const caller of callers)
      for (const query of queriesOf(list)) {
        failures.push(...(await readPages(caller, `${path}?${query}`)));
        if (parameter(list, 'page')) failures.push(...(await readLastPage(caller, `${path}?${query}`)));
      }
  }
  return failures;
}

/** The first two pages and the total. */
async function readPages(caller: SignedIn, url: string): Promise<string[]> {
  const first = await caller.get(`${url}&limit=2&include=total`);
  const cursor: string | null = first.body.meta?.nextCursor;
  const second = cursor ? await caller.get(`${url}&limit=2&cursor=${cursor}`) : first;
  return [first, second].filter(({ status }) => status !== 200).map(({ status }) => `${status} ${url}`);
}

/** The last page that a page number reaches. */
async function readLastPage(caller: SignedIn, url: string): Promise<string[]> {
  const { status } = await caller.get(`${url}&limit=100&page=${NUMBERED_ROWS_MAX / 100}`);
  return status === 200 ? [] : [`${status} ${url}`];
}

const NOT_FILTERS = ['limit', 'cursor', 'page', 'sort', 'include', 'id'];
/** A value of each filter that matches few rows. A scan of another index would read many other rows. */
const FILTER_VALUES: Record<string, string> = {
  'listUsers status': 'suspended',
  'listUsers role': 'admin',
  'listUsers email': 'person-1999',
  'listUsers q': '19999',
  'listJobs type': 'user-export',
  'listJobs status': 'failed',
  'listNotifications unread': 'true',
  'listAuditEvents type': 'sign-in-failed',
  'listAuditEvents from': '2026-01-01T00:00:00Z',
  'listAuditEvents to': '2099-01-01T00:00:00Z',
  'listWebhookDeliveries status': 'failed',
};

function queriesOf(list: Operation): string[] {
  const filters = list.parameters!.filter(
    ({ in: place, name }) => place === 'query' && !NOT_FILTERS.includes(name),
  );
  const values = filters.map(({ name }) => {
    const value = name === 'userId' ? user.user.id : FILTER_VALUES[`${list.operationId} ${name}`];
    if (!value) throw new Error(`Add a value of the filter ${name} of ${list.operationId}, and its index.`);
    return `${name}=${encodeURIComponent(value)}`;
  });
  const subsets = values.reduce<string[][]>(
    (all, value) => [...all, ...all.map((one) => [...one, value])],
    [[]],
  );
  const sorts = parameter(list, 'sort')!.schema['enum'] as string[];
  return sorts.flatMap((sort) => subsets.map((subset) => [`sort=${sort}`, ...subset].join('&')));
}

async function callRoutes(): Promise<[path: string, status: number][]> {
  const { body } = await user.get('/v1/webhook-endpoints');
  const endpoint = String(body.data[0].id);
  const notification = String((await user.get('/v1/notifications')).body.data[0].id);
  const requests: [string, () => Test][] = [
    ['me', () => user.get('/v1/users/me')],
    ['sessions', () => user.get('/v1/auth/sessions')],
    ['update me', () => user.patch('/v1/users/me', { displayName: 'New' })],
    ['start a job', () => user.post('/v1/jobs', { type: 'user-export', input: {} })],
    ['read a notification', () => user.post(`/v1/notifications/${notification}/read`)],
    ['login', () => post('/v1/auth/login', { email: user.user.email, password: 'correct horse battery' })],
    ['refresh', () => post('/v1/auth/refresh', { refreshToken: user.refreshToken })],
    ['forgot password', () => post('/v1/auth/forgot-password', { email: user.user.email })],
    ['ping', () => user.post(`/v1/webhook-endpoints/${endpoint}/ping`)],
    ['logout everywhere', () => user.post('/v1/auth/logout-all')],
  ];
  const statuses: [string, number][] = [];
  for (const [name, request] of requests) statuses.push([name, (await request()).status]);
  return statuses;
}

const post = (path: string, body: object) => app.http().post(path).send(body);

/** Ids in the order of `i`: appending to an index is fast. */
const id = (i: string): string => `lpad(to_hex(${i}), 32, '0')::uuid`;

/** A backlog of system jobs. The sweep dispatches none of them, because they wait for a retry in an hour. */
const isQueued = `(i > ${ROWS_OF_ONE_USER} AND i % 4 <> 0)`;

/** Columns and values of each table. `i` is the row number, `owner` a user, `at` a time in the past. */
const seeds: Record<string, [columns: string, values: string]> = {
  users: [
    'id, email, display_name, status, email_verified_at, created_at',
    `${id('i')}, 'person-' || i || '@example.com', 'Person', CASE WHEN i % 1000 = 0 THEN 'suspended' ELSE 'active' END, at, at`,
  ],
  sessions: [
    'id, user_id, salt, created_at, last_used_at, expires_at, revoked_at',
    `${id('i')}, owner, '\\x00', at, at, at + interval '138 days', CASE WHEN i % 20 = 0 AND i > ${ROWS_OF_ONE_USER} THEN NULL ELSE at END`,
  ],
  email_tokens: [
    'id, user_id, purpose, email, token_hash, expires_at',
    `${id('i')}, ${id('i')}, 'reset-password', 'a@example.com', int4send(i::int), at + interval '200 days'`,
  ],
  mails: [
    'id, user_id, template, recipient, created_at, sent_at',
    `${id('i')}, ${id('i')}, 'password-changed', 'a@example.com', at, at`,
  ],
  job_files: ['id, job_id, name, media_type, created_at', `${id('i')}, ${id('i')}, 'a', 'text/csv', at`],
  jobs: [
    `id, type, status, user_id, input, result_file_id, correlation_id, created_at, finished_at, available_at, dispatched_at`,
    `${id('i')}, 'mail-send', CASE WHEN ${isQueued} THEN 'queued' ELSE 'completed' END,
     CASE WHEN i % 4 = 0 OR i <= ${ROWS_OF_ONE_USER} THEN owner END, '{}', ${id('i')}, 'c', at,
     CASE WHEN ${isQueued} THEN NULL ELSE at END,
     now() + interval '1 hour', CASE WHEN i % 3 = 0 THEN now() + interval '1 hour' END`,
  ],
  audit_events: [
    'id, type, user_id, created_at',
    `${id('i')}, CASE WHEN i % 10 = 0 THEN 'sign-out' ELSE 'sign-in' END, owner, at`,
  ],
  notifications: [
    'id, user_id, type, data, created_at, read_at',
    `${id('i')}, CASE WHEN i <= 1000 THEN owner ELSE ${id('i')} END, 'job-completed',
     jsonb_build_object('jobId', ${id('i')}, 'jobType', 'user-export'), at,
     CASE WHEN i % 10 = 0 THEN NULL ELSE at END`,
  ],
  webhook_endpoints: [
    'id, user_id, url, event_types, secret',
    `${id('i')}, CASE WHEN i = 1 THEN owner ELSE ${id('i')} END, 'https://example.com', '{user.updated}', 'x'`,
  ],
  webhook_deliveries: [
    'id, endpoint_id, event_id, event_type, subject_id, payload, correlation_id, status, is_ready, next_attempt_at, created_at',
    `${id('i')}, CASE WHEN i <= ${ROWS_OF_ONE_USER} THEN ${id('1')} ELSE ${id('i')} END,
     ${id('i')}, 'user.updated', owner, '{}', 'c', CASE WHEN i % 20 = 0 THEN 'pending' ELSE 'delivered' END, true, at, at`,
  ],
  webhook_attempts: [
    'id, delivery_id, duration_ms, response, created_at',
    `${id('i')}, ${id('i')}, 1, '', at`,
  ],
  inbound_webhooks: [
    'id, source, event_id, event_type, payload, outcome, received_at, processed_at',
    `${id('i')}, 'github', i::text, 'push', '{}', 'handled', at, at`,
  ],
};

/** Inserts rows of many users, and many rows of one user. Triggers are off, so foreign keys are not checked. */
async function seed(db: DataSource, userId: string): Promise<void> {
  const runner = db.createQueryRunner();
  await runner.query('SET session_replication_role = replica');
  // Building an index is faster than filling it row by row.
  const indexes: { name: string; definition: string }[] = await runner.query(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE tablename = ANY($1) AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
    [Object.keys(seeds)],
  );
  for (const { name } of indexes) await runner.query(`DROP INDEX ${name}`);
  for (const [table, [columns, values]] of Object.entries(seeds)) {
    await runner.query(`
      INSERT INTO ${table} (${columns})
      SELECT ${values} FROM (
        SELECT i, CASE WHEN i <= ${ROWS_OF_ONE_USER} THEN '${userId}'::uuid ELSE ${id('i')} END AS owner,
          now() - make_interval(secs => 12 * (${ROWS} - i)) AS at
        FROM generate_series(1, ${ROWS}) AS i
      ) AS rows`);
  }
  await runner.query(`UPDATE users SET unread_count = 100 WHERE id = $1`, [userId]);
  for (const { definition } of indexes) await runner.query(definition);
  await runner.query('RESET session_replication_role');
  // Statistics of all rows and not of a sample, so that each run has the same plans.
  await runner.query('SET default_statistics_target = 1000');
  await runner.query('ANALYZE');
  await runner.query('RESET default_statistics_target');
  await runner.release();
}
