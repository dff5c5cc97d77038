import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUser } from '../factories/user.factory.ts';
import { createEndpoint, endpointRow } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { upload } from '../support/imports.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

const UNKNOWN = '01890a5d-ac96-774b-bcce-b302099a8057';

describe('an administrator', () => {
  it('reads an account, also with upper case in its id', async () => {
    const { user } = await createUser(app);

    const answers = await Promise.all(
      [user.id, user.id.toUpperCase()].map((id) => admin.get(`/v1/users/${id}`)),
    );

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, body: { data: { id: user.id, email: user.email } } });
      expect(answer.text).not.toMatch(/hash|argon/i);
    }
    expect(answers[0]?.headers['etag']).toMatch(/^"\w+"$/);
  });

  it('disables the webhook endpoints of a user with the suspension', async () => {
    const user = await signedIn(app);
    const endpoint = await createEndpoint(user, 'https://example.com/hook');

    await admin.patch(`/v1/users/${user.user.id}`, { status: 'suspended' });

    expect(await endpointRow(app, endpoint.id)).toMatchObject({
      enabled: false,
      disabledReason: 'access-reset',
    });
  });

  it('cannot have a fifty-first webhook endpoint with the events of all users, also not by an update', async () => {
    const own = await createEndpoint(admin, 'https://example.com/own');
    const all = await createEndpoint(admin, 'https://example.com/all', { scope: 'all' });
    await app.db.query(
      `INSERT INTO webhook_endpoints (id, user_id, url, event_types, scope, secret)
       SELECT gen_random_uuid(), user_id, url, event_types, scope, secret
       FROM webhook_endpoints, generate_series(1, 49) WHERE id = $1`,
      [all.id],
    );

    const answer = await admin.patch(`/v1/webhook-endpoints/${own.id}`, { scope: 'all' });

    expect(answer).toMatchObject({ status: 409, body: { code: 'LIMIT_REACHED' } });
    expect((await endpointRow(app, own.id)).scope).toBe('own');
    await app.db.query(`DELETE FROM webhook_endpoints WHERE scope = 'all'`);
  });

  it('changes a role, which revokes the sessions with the old role', async () => {
    const user = await signedIn(app);

    const answer = await admin.patch(`/v1/users/${user.user.id}`, { role: 'admin' });

    expect(answer).toMatchObject({ status: 200, body: { data: { role: 'admin', status: 'active' } } });
    expect(await stateOf(user)).toEqual({ access: 401, refresh: 401, reason: 'role-changed' });
    const renewed = await login(app, user.user.email, 'correct horse battery');
    const list = await app.http().get('/v1/users').set('authorization', `Bearer ${renewed.accessToken}`);
    expect(list.status).toBe(200);
  });

  it('removes the role at once, although the token still contains it', async () => {
    const other = await signedIn(app, { role: 'admin' });

    await admin.patch(`/v1/users/${other.user.id}`, { role: 'user' });

    expect((await other.get('/v1/users')).status).toBe(401);
  });

  it('suspends an account, which revokes its sessions, and reactivates it', async () => {
    const user = await signedIn(app);

    const suspended = await admin.patch(`/v1/users/${user.user.id}`, { status: 'suspended' });

    expect(suspended).toMatchObject({ status: 200, body: { data: { status: 'suspended' } } });
    expect(await stateOf(user)).toEqual({ access: 401, refresh: 401, reason: 'suspended' });
    const again = await admin.patch(`/v1/users/${user.user.id}`, { status: 'active' });
    expect(again).toMatchObject({ status: 200, body: { data: { status: 'active' } } });
    await login(app, user.user.email, 'correct horse battery');
  });

  it.each([{}, { role: 'user' }, { status: 'active' }, { role: 'user', status: 'active' }])(
    'revokes no session when nothing changes: %j',
    async (change) => {
      const user = await signedIn(app);

      await admin.patch(`/v1/users/${user.user.id}`, change);

      expect(await stateOf(user)).toEqual({ access: 200, refresh: 200, reason: null });
    },
  );

  it('does not change an account that has changed since it was read', async () => {
    const user = await signedIn(app);
    const { etag } = (await admin.get(`/v1/users/${user.user.id}`)).headers;
    await user.patch('/v1/users/me', { displayName: 'Changed' });

    const answer = await admin
      .patch(`/v1/users/${user.user.id}`, { status: 'suspended' })
      .set('if-match', String(etag));

    expect(answer).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect(await stateOf(user)).toEqual({ access: 200, refresh: 200, reason: null });
  });

  it.each(['email', 'password', 'passwordHash', 'emailVerified', 'displayName', 'id', 'version'])(
    'cannot set the %s of another user',
    async (field) => {
      const { user } = await createUser(app);

      const answer = await admin.patch(`/v1/users/${user.id}`, { status: 'active', [field]: 'x' });

      expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
      expect(answer.body.details).toEqual([
        expect.objectContaining({ path: field, code: 'UNKNOWN_PROPERTY' }),
      ]);
    },
  );

  it('responds 404 for an unknown id', async () => {
    const answers = await Promise.all([
      admin.get(`/v1/users/${UNKNOWN}`),
      admin.patch(`/v1/users/${UNKNOWN}`, { status: 'suspended' }),
    ]);

    for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

describe('a user who is not an administrator', () => {
  it.each([
    ['list accounts', (user: SignedIn) => user.get('/v1/users')],
    ['read an account', (user: SignedIn) => user.get(`/v1/users/${admin.user.id}`)],
    ['read one that does not exist', (user: SignedIn) => user.get(`/v1/users/${UNKNOWN}`)],
    ['read their own by its id', (user: SignedIn) => user.get(`/v1/users/${user.user.id}`)],
    ['change an account', (user: SignedIn) => user.patch(`/v1/users/${admin.user.id}`, { role: 'user' })],
    ['change their own', (user: SignedIn) => user.patch(`/v1/users/${user.user.id}`, { role: 'admin' })],
    [
      'learn the validation rules of a change',
      (user: SignedIn) => user.patch(`/v1/users/${UNKNOWN}`, { x: 1 }),
    ],
    ['import accounts', (user: SignedIn) => upload(user, 'email,displayName\n')],
  ])('cannot %s', async (_name, attempt) => {
    const user = await signedIn(app);

    const answer = await attempt(user);

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });
});

describe('the last administrator', () => {
  let lonely: TestApp;
  let last: SignedIn;

  beforeAll(async () => {
    lonely = await TestApp.start();
    last = await signedIn(lonely, { role: 'admin' });
    await createUser(lonely, { role: 'admin', status: 'suspended' });
  });

  afterAll(() => lonely.stop());

  it.each([{ role: 'user' }, { status: 'suspended' }, { role: 'user', status: 'suspended' }])(
    'cannot lose access: %j',
    async (change) => {
      const answer = await last.patch(`/v1/users/${last.user.id}`, change);

      expect(answer).toMatchObject({ status: 409, body: { code: 'LAST_ADMIN' } });
      expect((await last.get('/v1/users')).status).toBe(200);
    },
  );

  it('remains when two demote each other in parallel', async () => {
    for (const round of times(5, (index) => index)) {
      const other = await signedIn(lonely, { role: 'admin', email: `other-${round}@example.com` });

      const answers = await Promise.all([
        last.patch(`/v1/users/${other.user.id}`, { role: 'user' }),
        other.patch(`/v1/users/${last.user.id}`, { role: 'user' }),
      ]);

      expect(answers.map(({ status }) => status)).toContain(200);
      expect(answers.map(({ status }) => status)).not.toEqual([200, 200]);
      const rows = await lonely.db.query(`SELECT id FROM users WHERE role = 'admin' AND status = 'active'`);
      expect(rows).toHaveLength(1);
      if (rows[0].id === other.user.id) last = other;
    }
  });
});

/** Whether the user is still signed in, and if not, why. */
async function stateOf({ user, accessToken, refreshToken }: SignedIn) {
  const access = await app.http().get('/v1/users/me').set('authorization', `Bearer ${accessToken}`);
  const refresh = await app.http().post('/v1/auth/refresh').send({ refreshToken });
  const [{ reason }] = await app.db.query(
    'SELECT revoked_reason AS reason FROM sessions WHERE user_id = $1 ORDER BY created_at LIMIT 1',
    [user.id],
  );
  return { access: access.status, refresh: refresh.status, reason };
}
