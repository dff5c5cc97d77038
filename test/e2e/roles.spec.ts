import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { auditRead } from '../../src/audit/audit.service.ts';
import { queuesWatch } from '../../src/dashboard/dashboard-access.service.ts';
import { jobsRead } from '../../src/jobs/jobs.permissions.ts';
import { Permissions, PermissionsModule, Roles } from '../../src/platform/security/permissions.ts';
import { usersChangeRole, usersImport, usersRead, usersUpdate } from '../../src/users/users.permissions.ts';
import { webhooksReceiveAll } from '../../src/webhooks/outbound/webhook-endpoints.policy.ts';
import { createJob } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { Dashboard } from '../support/dashboard.ts';
import { graphql } from '../support/graphql.ts';
import { importFile } from '../support/imports.ts';
import { captureLogs } from '../support/logs.ts';

const roles = [
  { name: 'auditor', permissions: [auditRead] },
  { name: 'manager', permissions: [usersRead, usersUpdate, usersChangeRole, usersImport, auditRead] },
  { name: 'clerk', permissions: [usersUpdate, usersImport] },
  { name: 'operator', permissions: [queuesWatch, jobsRead, webhooksReceiveAll] },
];

@Module({ imports: [PermissionsModule.withRoles(roles)] })
class ProductModule {}

let app: TestApp;
let admin: SignedIn;
let manager: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({
    modules: [{ module: ProductModule }],
  });
  [admin, manager] = await Promise.all([
    signedIn(app, { role: 'admin' }),
    signedIn(app, { role: 'manager' }),
  ]);
});

afterAll(() => app.stop());

describe('an account whose role is no longer defined', () => {
  it('works without the permissions of a role, and is logged once', async () => {
    // No worker runs yet: a worker would log this instead of the API.
    const log = captureLogs(app.api);
    const user = await signedIn(app, { role: 'former' });

    const answers = await Promise.all(
      ['/v1/users/me', '/v1/jobs', '/v1/users', '/v1/audit-events'].map((path) => user.get(path)),
    );
    const { body } = await user.get('/v1/users/me/permissions');

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403, 403]);
    expect(answers[0]?.body.data.role).toBe('former');
    expect(body.data).toEqual({ role: 'former', permissions: [] });
    expect(log.lines().filter(({ role }) => role === 'former')).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('src/app.roles.ts') },
    ]);
  });

  it('is found by its role, and gets another one', async () => {
    const { user } = await createUser(app, { role: 'obsolete' });

    const found = await admin.get('/v1/users?role=obsolete');
    const changed = await admin.patch(`/v1/users/${user.id}`, { role: 'auditor' });

    expect(found.body.data.map(({ id }: { id: string }) => id)).toEqual([user.id]);
    expect(changed.body.data.role).toBe('auditor');
    expect((await admin.get('/v1/users?role=obsolete')).body.data).toEqual([]);
  });
});

describe('the filter role', () => {
  it('finds the accounts of a role of the product, in REST and GraphQL', async () => {
    const { user } = await createUser(app, { role: 'operator' });

    const { body } = await admin.get('/v1/users?role=operator');
    const { data } = await graphql(admin, '{ users(role: "operator") { edges { node { id role } } } }');

    expect(body.data).toContainEqual(expect.objectContaining({ id: user.id, role: 'operator' }));
    expect(data.users.edges).toContainEqual({ node: { id: user.id, role: 'operator' } });
  });

  it('rejects what can’t be a role', async () => {
    const answer = await admin.get('/v1/users?role=Admin%25');

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  });
});

describe('a change of a role', () => {
  it('takes effect with the next sign-in', async () => {
    const { user } = await signedIn(app);

    const changed = await manager.patch(`/v1/users/${user.id}`, { role: 'auditor' });
    const { accessToken } = await login(app, user.email, 'correct horse battery');

    const events = await app.http().get('/v1/audit-events').set('authorization', `Bearer ${accessToken}`);
    expect([changed.status, events.status]).toEqual([200, 200]);
  });

  it.each(['admin', 'operator'])('to %s is rejected for a caller with fewer permissions', async (role) => {
    const { user } = await createUser(app);

    const answer = await manager.patch(`/v1/users/${user.id}`, { role });

    expect(answer).toMatchObject({ status: 403, body: { code: 'ROLE_EXCEEDS_YOURS' } });
    expect(await roleOf(user.id)).toBe('user');
  });

  it('of the caller can’t add permissions', async () => {
    const answer = await manager.patch(`/v1/users/${manager.user.id}`, { role: 'admin' });

    expect(answer).toMatchObject({ status: 403, body: { code: 'ROLE_EXCEEDS_YOURS' } });
  });

  it.each([{ role: 'user' }, { status: 'suspended' }])(
    'or status of an account with more permissions is rejected: %j',
    async (change) => {
      const { user } = await createUser(app, { role: 'admin' });

      const answer = await manager.patch(`/v1/users/${user.id}`, change);

      expect(answer).toMatchObject({ status: 403, body: { code: 'ROLE_EXCEEDS_YOURS' } });
      expect(await roleOf(user.id)).toBe('admin');
    },
  );

  it('needs its own permission, also when the status changes too', async () => {
    const clerk = await signedIn(app, { role: 'clerk' });
    const { user } = await createUser(app);

    const answers = [
      await clerk.patch(`/v1/users/${user.id}`, { role: 'clerk', status: 'suspended' }),
      await clerk.patch(`/v1/users/${user.id}`, { role: 'user', status: 'suspended' }),
    ];

    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual([
      [403, 'FORBIDDEN'],
      [200, undefined],
    ]);
  });

  it('to a role that is not defined is rejected, with the roles that are', async () => {
    const { user } = await createUser(app);

    const answer = await admin.patch(`/v1/users/${user.id}`, { role: 'king' });

    expect(answer).toMatchObject({
      status: 422,
      body: { details: [{ path: 'role', code: 'INVALID_VALUE' }] },
    });
    expect(answer.body.details[0].message).toContain('admin, auditor, clerk');
  });
});

describe('an import', () => {
  beforeAll(() => app.startWorker());

  const CSV = `email,displayName,role
ia@example.com,A,admin
ib@example.com,B,auditor
ic@example.com,C,king
id@example.com,D,user
ie@example.com,E,
`;

  it('gives only roles whose permissions its owner has', async () => {
    const { result, rejected } = await importFile(app, manager, CSV);

    expect(result).toEqual({ imported: 3, failed: 2 });
    expect(rejected.map((line) => line.split(',').slice(0, 3).join())).toEqual([
      '2,ia@example.com,ROLE_NOT_ALLOWED',
      '4,ic@example.com,ROLE_INVALID',
    ]);
  });

  it('of an administrator gives every role', async () => {
    const csv = 'email,displayName,role\nig@example.com,G,operator\nih@example.com,H,admin\n';

    expect((await importFile(app, admin, csv)).result).toEqual({ imported: 2, failed: 0 });
  });

  it('gives the role admin only for an administrator, although the worker knows fewer permissions', async () => {
    const known = app.workers[0]!.get(Permissions, { strict: false }).all();
    for (const part of [app.api, ...app.workers])
      part.get(Roles, { strict: false }).add([{ name: 'deputy', permissions: known }]);
    const deputy = await signedIn(app, { role: 'deputy' });

    const { rejected } = await importFile(app, deputy, 'email,displayName,role\nij@example.com,J,admin\n');

    expect(rejected[0]).toContain('ROLE_NOT_ALLOWED');
  });

  it('gives only the role user without the permission to change roles', async () => {
    const clerk = await signedIn(app, { role: 'clerk' });

    const { rejected } = await importFile(app, clerk, CSV.replaceAll('example.com', 'example.org'));

    expect(rejected.map((line) => line.split(',')[2])).toEqual([
      'ROLE_NOT_ALLOWED',
      'ROLE_NOT_ALLOWED',
      'ROLE_INVALID',
    ]);
  });
});

describe('a role of the product', () => {
  it('opens the dashboard, and loses it with the role', async () => {
    const operator = await signedIn(app, { role: 'operator' });
    const dashboard = await Dashboard.open(app, operator);
    expect((await dashboard.get('/api/queues')).status).toBe(200);

    await app.db.query(`UPDATE users SET role = 'auditor' WHERE id = $1`, [operator.user.id]);

    expect((await dashboard.get('/api/queues')).status).toBe(403);
  });

  it('receives the events of all users, until it loses the permission', async () => {
    const operator = await signedIn(app, { role: 'operator' });
    const options = { scope: 'all', eventTypes: ['user.updated'] };
    const { id } = await createEndpoint(operator, 'https://example.com/hook', options);
    const other = await signedIn(app);

    await other.patch('/v1/users/me', { displayName: 'One' });
    await app.db.query(`UPDATE users SET role = 'auditor' WHERE id = $1`, [operator.user.id]);
    await other.patch('/v1/users/me', { displayName: 'Two' });

    const sql = `SELECT payload::json -> 'data' ->> 'displayName' AS name FROM webhook_deliveries WHERE endpoint_id = $1`;
    const deliveries = await app.db.query(sql, [id]);
    expect(deliveries).toEqual([{ name: 'One' }]);
  });

  it('sees the owner of a job only with the permission to read accounts', async () => {
    const operator = await signedIn(app, { role: 'operator' });
    const { user } = await createUser(app);
    const { id } = await createJob(app, { userId: user.id, type: 'of-no-handler' });
    const query = `query ($id: ID!) { job(id: $id) { id owner { email } } }`;

    const [ofOperator, ofAdmin] = [
      await graphql(operator, query, { id }),
      await graphql(admin, query, { id }),
    ];

    expect(ofOperator.data.job).toEqual({ id, owner: null });
    expect(ofAdmin.data.job).toEqual({ id, owner: { email: user.email } });
  });
});

const roleOf = async (id: string): Promise<string> =>
  (await app.db.query('SELECT role FROM users WHERE id = $1', [id]))[0].role;
