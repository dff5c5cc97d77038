import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql } from '../support/graphql.ts';
import { recordStatements } from '../support/query-plans.ts';
import { times } from '../support/until.ts';

const USER_FIELDS = [
  'id',
  'email',
  'displayName',
  'avatarUrl',
  'locale',
  'role',
  'status',
  'emailVerified',
  'createdAt',
  'updatedAt',
].join(' ');
const JOB_FIELDS =
  'id type status progress attempts result error { code message } createdAt startedAt finishedAt';
const NOTIFICATION_FIELDS = 'id type title body data readAt createdAt';
const ENDPOINT_FIELDS = 'id url eventTypes description enabled disabledReason scope createdAt updatedAt';

let app: TestApp;
let user: SignedIn;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  [user, admin] = await Promise.all([signedIn(app), signedIn(app, { role: 'admin' })]);
});

afterAll(() => app.stop());

const nodes = ({ edges }: { edges: { node: object }[] }) => edges.map(({ node }) => node);

describe('a query', () => {
  it('me returns the profile of REST', async () => {
    const { status, data } = await graphql(user, `{ me { ${USER_FIELDS} } }`);

    expect(status).toBe(200);
    expect(data.me).toEqual((await user.get('/v1/users/me')).body.data);
  });

  it('user and users return the accounts of REST', async () => {
    const query = `query ($id: ID!) { user(id: $id) { ${USER_FIELDS} } users(sort: "email") { edges { node { ${USER_FIELDS} } } } }`;

    const { data } = await graphql(admin, query, { id: user.user.id });

    expect(data.user).toEqual((await admin.get(`/v1/users/${user.user.id}`)).body.data);
    expect(nodes(data.users)).toEqual((await admin.get('/v1/users?sort=email')).body.data);
  });

  it.each([
    { list: 'users', path: 'users' },
    { list: 'jobs', path: 'jobs' },
    { list: 'notifications', path: 'notifications' },
    { list: 'webhookEndpoints', path: 'webhook-endpoints' },
  ])('a connection counts its nodes only if it is asked for the total: $list', async ({ list, path }) => {
    const { body } = await admin.get(`/v1/${path}?include=total`);
    const statements = recordStatements(app.db);

    const without = await graphql(admin, `{ ${list} { edges { node { id } } } }`);
    const counted = [...statements.keys()].filter((text) => text.includes('count('));
    const { data } = await graphql(admin, `{ ${list}(first: 1) { totalCount edges { node { id } } } }`);

    expect(without.status).toBe(200);
    expect(counted).toEqual([]);
    expect(data[list].totalCount).toBe(body.meta.total);
  });

  it('job and jobs return the jobs of REST, with their owner', async () => {
    const failed = { status: 'failed', errorCode: 'X', errorMessage: 'It failed.' } as const;
    const { id } = await createJob(app, { userId: user.user.id, ...failed });
    const query = `query ($id: ID!) {
      job(id: $id) { ${JOB_FIELDS} owner { id } }
      jobs(status: failed) { edges { node { ${JOB_FIELDS} } } }
    }`;

    const { data } = await graphql(user, query, { id });

    const expected = (await user.get(`/v1/jobs/${id}`)).body.data;
    expect(data.job).toEqual({ ...expected, owner: { id: user.user.id } });
    expect(nodes(data.jobs)).toEqual([expected]);
  });

  it('notifications returns those of REST with the unread count and the job', async () => {
    const { id } = await createJob(app, { userId: user.user.id });
    await notify(app, user.user.id, { data: { jobId: id, jobType: 'x' } });
    const query = `{ notifications(unread: true) {
      unreadCount edges { node { ${NOTIFICATION_FIELDS} job { id owner { email } } } }
    } }`;

    const { data } = await graphql(user, query);

    const { body } = await user.get('/v1/notifications?unread=true');
    expect(data.notifications.unreadCount).toBe(body.meta.unreadCount);
    const job = { id, owner: { email: user.user.email } };
    expect(nodes(data.notifications)).toEqual(body.data.map((row: object) => ({ ...row, job })));
  });

  it('a notification does not show the job of another user', async () => {
    const reader = await signedIn(app);
    const { id } = await createJob(app, { userId: user.user.id });
    await notify(app, reader.user.id, { data: { jobId: id, jobType: 'x' } });

    const { data, errors } = await graphql(reader, '{ notifications { edges { node { job { id } } } } }');

    expect(errors).toBeUndefined();
    expect(nodes(data.notifications)).toEqual([{ job: null }]);
  });

  it('webhookEndpoints returns those of REST', async () => {
    await createEndpoint(user, 'https://example.com/hooks');

    const { data } = await graphql(user, `{ webhookEndpoints { edges { node { ${ENDPOINT_FIELDS} } } } }`);

    expect(nodes(data.webhookEndpoints)).toEqual((await user.get('/v1/webhook-endpoints')).body.data);
  });
});

describe('a connection', () => {
  const query = `query ($first: Int, $after: String, $sort: String) {
    jobs(first: $first, after: $after, sort: $sort) {
      edges { cursor node { id } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
  let owner: SignedIn;

  beforeAll(async () => {
    owner = await signedIn(app);
    for (const index of times(5, (at) => at)) {
      await createJob(app, { userId: owner.user.id, createdAt: new Date(1_700_000_000_000 + index * 1_000) });
    }
  });

  it('visits each row once', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    const pages = [];
    do {
      const { data } = await graphql(owner, query, { first: 2, after });
      pages.push(data.jobs.pageInfo);
      seen.push(...nodes(data.jobs).map((node) => (node as { id: string }).id));
      after = data.jobs.pageInfo.hasNextPage ? data.jobs.pageInfo.endCursor : null;
    } while (after);

    expect(seen).toEqual((await owner.get('/v1/jobs')).body.data.map(({ id }: { id: string }) => id));
    expect(pages.map(({ hasNextPage, hasPreviousPage }) => [hasNextPage, hasPreviousPage])).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ]);
  });

  it('has the cursors of REST', async () => {
    const { data } = await graphql(owner, query, { first: 2 });
    const { body } = await owner.get('/v1/jobs?limit=2');

    expect(data.jobs.pageInfo.endCursor).toBe(body.meta.nextCursor);
    expect(data.jobs.edges[1].cursor).toBe(body.meta.nextCursor);
    const [first, next] = await Promise.all([
      graphql(owner, query, { first: 1, after: data.jobs.edges[0].cursor }),
      owner.get(`/v1/jobs?limit=1&cursor=${data.jobs.edges[0].cursor}`),
    ]);
    expect(nodes(first.data.jobs)).toMatchObject([{ id: next.body.data[0].id }]);
  });

  it('rejects a cursor of another sort or list', async () => {
    const { data } = await graphql(owner, query, { first: 2 });
    const after = data.jobs.pageInfo.endCursor;

    const other = await graphql(owner, query, { after, sort: 'createdAt' });
    const elsewhere = await graphql(
      owner,
      'query ($after: String) { notifications(after: $after) { unreadCount } }',
      {
        after,
      },
    );

    expect([other.codes, elsewhere.codes]).toEqual([['INVALID_CURSOR'], ['INVALID_CURSOR']]);
  });

  it('rejects arguments by the rules of REST and names the argument', async () => {
    const { codes, errors } = await graphql(owner, query, { first: 101, sort: 'email' });

    expect(codes).toEqual(['VALIDATION_FAILED']);
    expect(errors?.[0]?.extensions.details).toEqual([
      expect.objectContaining({ path: 'first', code: 'TOO_BIG' }),
      expect.objectContaining({ path: 'sort', code: 'INVALID_VALUE' }),
    ]);
  });
});

describe('an error of a field', () => {
  it('has the code, the path and the correlation id, next to the data of other fields', async () => {
    const query = `query ($id: ID!) { me { id } job(id: $id) { id } }`;
    const request = user.post('/graphql', { query, variables: { id: randomUUID() } });
    const { status, body, headers } = await request.set('x-correlation-id', 'graphql-test');

    expect(status).toBe(200);
    expect(headers['x-correlation-id']).toBe('graphql-test');
    expect(body).toEqual({
      data: { me: { id: user.user.id }, job: null },
      errors: [
        {
          message: expect.stringMatching(/resource does not exist/),
          path: ['job'],
          locations: [{ line: 1, column: 30 }],
          extensions: { code: 'NOT_FOUND', correlationId: 'graphql-test' },
        },
      ],
    });
  });

  it('hides what went wrong inside, and names the place', async () => {
    const owner = await signedIn(app);
    const { id } = await createJob(app, { userId: owner.user.id });
    // A value that the enum of the schema doesn't have.
    await app.db.query(`ALTER TABLE jobs DROP CONSTRAINT jobs_status_check`);
    await app.db.query(`UPDATE jobs SET status = 'secret-state' WHERE id = $1`, [id]);

    const { status, errors, codes } = await graphql(owner, '{ jobs { edges { node { status } } } }');

    expect({ status, codes }).toEqual({ status: 200, codes: ['INTERNAL'] });
    expect(JSON.stringify(errors)).not.toMatch(/secret-state|Enum|stack/);
    expect(errors?.[0]?.path).toEqual(['jobs', 'edges', 0, 'node', 'status']);
    await app.db.query(`DELETE FROM jobs WHERE id = $1`, [id]);
  });
});

describe('a suspended user', () => {
  it('is rejected like in REST', async () => {
    const victim = await signedIn(app);
    await admin.patch(`/v1/users/${victim.user.id}`, { status: 'suspended' });

    const { status, codes } = await graphql(victim, '{ me { id } }');

    expect({ status, codes }).toEqual({ status: 401, codes: ['UNAUTHENTICATED'] });
  });
});
