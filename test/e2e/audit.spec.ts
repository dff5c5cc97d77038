import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { AuditEventTypes } from '../../src/audit/audit-event-types.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

const PASSWORD = 'correct horse battery';
const NEW = 'a new one, and long';
const DEVICE = 'Device/1.0';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

interface Event {
  id: string;
  type: string;
  userId: string | null;
  actorId: string | null;
  correlationId: string;
  data: object;
  createdAt: string;
}

/** An action that is audited. Its response carries the correlation id. */
type Act = (user: SignedIn) => PromiseLike<{ headers: Record<string, string> }>;

const ACTS: [type: string, act: Act, expected: Partial<Event>][] = [
  ['sign-in', (user) => signIn(user), { actorId: null, data: { method: 'password' } }],
  ['sign-in-failed', (user) => signIn(user, 'a wrong password'), { actorId: null }],
  ['sign-out', (user) => user.post('/v1/auth/logout').set('user-agent', DEVICE), {}],
  [
    'sign-out',
    (user) => user.post('/v1/auth/logout-all').set('user-agent', DEVICE),
    { data: { sessions: 'all' } },
  ],
  ['refresh-token-reused', presentTwice, { actorId: null }],
  ['session-ended', (user) => user.delete(`/v1/auth/sessions/${sid(user)}`).set('user-agent', DEVICE), {}],
  ['password-changed', (user) => changePassword(user), {}],
  ['password-reset', resetPassword, { actorId: null }],
  ['email-verified', verifyEmail, { actorId: null }],
  ['email-changed', changeEmail, { actorId: null }],
  ['role-changed', (user) => byAdmin(user, { role: 'admin' }), { data: { from: 'user', to: 'admin' } }],
  [
    'status-changed',
    (user) => byAdmin(user, { status: 'suspended' }),
    { data: { from: 'active', to: 'suspended' } },
  ],
  ['account-deleted', (user) => user.delete('/v1/users/me').set('user-agent', DEVICE), {}],
];

describe('webhook endpoints', () => {
  it('are audited when they are created, deleted or get a new secret', async () => {
    const owner = await signedIn(app);
    const { id } = await createEndpoint(owner, 'https://example.com/hooks');

    await owner.post(`/v1/webhook-endpoints/${id}/rotate-secret`);
    await owner.delete(`/v1/webhook-endpoints/${id}`);

    const events = await app.db.query(
      `SELECT type, actor_id AS actor, data FROM audit_events
       WHERE user_id = $1 AND type LIKE 'webhook-%' ORDER BY created_at, id`,
      [owner.user.id],
    );
    expect(events).toEqual(
      ['webhook-endpoint-created', 'webhook-secret-rotated', 'webhook-endpoint-deleted'].map((type) => ({
        type,
        actor: owner.user.id,
        data: { endpointId: id },
      })),
    );
  });
});

/** The first words of the types that other specs test. */
const IN_OTHER_SPECS = ['identity', 'queue', 'schedule', 'webhook'];
const isTestedElsewhere = (type: string): boolean => IN_OTHER_SPECS.includes(type.split('-')[0]!);

describe('an audit event', () => {
  it.each(ACTS)(
    'records the actor, the action, the source and the request once: %s',
    async (type, act, expected) => {
      const user = await signedIn(app);

      const { headers } = await act(user);

      const events = (await eventsOf(user)).filter((event) => event.type === type);
      const inThisRequest = events.filter(
        ({ correlationId }) => correlationId === headers['x-correlation-id'],
      );
      expect(inThisRequest).toEqual([
        {
          id: expect.any(String),
          type,
          userId: user.user.id,
          actorId: ['role-changed', 'status-changed'].includes(type) ? admin.user.id : user.user.id,
          ipAddress: expect.stringContaining('127.0.0.1'),
          userAgent: DEVICE,
          correlationId: headers['x-correlation-id'],
          data: expect.any(Object),
          createdAt: expect.any(String),
          ...expected,
        },
      ]);
      expect(events).toHaveLength(type === 'sign-in' ? 2 : 1);
    },
  );

  it('is tested here for each type, except those of other specs', () => {
    // The last three are tested below.
    const tested = new Set([
      ...ACTS.map(([type]) => type),
      'jobs-redriven',
      'job-result-downloaded',
      'sign-in-blocked',
    ]);

    const types = app.api.get(AuditEventTypes).keys();
    expect(types.filter((type) => !tested.has(type) && !isTestedElsewhere(type))).toEqual([]);
  });

  it('records a failed sign-in for an unknown email, without the email', async () => {
    const email = `${randomUUID()}@example.com`;

    const { headers } = await app.http().post('/v1/auth/login').send({ email, password: PASSWORD });

    const { body } = await admin.get('/v1/audit-events?type=sign-in-failed&limit=1');
    expect(body.data[0]).toMatchObject({ userId: null, correlationId: headers['x-correlation-id'] });
    expect(JSON.stringify(body)).not.toContain(email);
  });

  it('is not stored if the transaction rolls back', async () => {
    const user = await signedIn(app);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [user.user.id]);
    const before = await eventsOf(user);

    await user.post('/v1/auth/change-password', { currentPassword: PASSWORD, newPassword: NEW });
    await app.http().post('/v1/auth/reset-password').send({ token: 'x', password: NEW });

    const added = (await eventsOf(user)).slice(0, -before.length).map(({ type }) => type);
    expect(added).toEqual(['sign-in-failed']);
  });

  it('contains no secret and no email', async () => {
    const rows = await app.db.query('SELECT * FROM audit_events');

    const text = JSON.stringify(rows);
    expect(rows.length).toBeGreaterThan(app.api.get(AuditEventTypes).keys().length);
    for (const secret of [PASSWORD, NEW, 'a wrong password', '@example.com', 'argon2', 'eyJ']) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('the table of audit events', () => {
  it.each([
    `UPDATE audit_events SET user_id = NULL`,
    `UPDATE audit_events SET type = 'x' WHERE false`,
    `DELETE FROM audit_events`,
    `TRUNCATE audit_events`,
    `INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET type = 'x'`,
  ])('is append-only: rejects %s', async (sql) => {
    const [{ count: before }] = await app.db.query('SELECT count(*) FROM audit_events');

    await expect(app.db.query(sql)).rejects.toThrow('append-only');

    const [{ count: after }] = await app.db.query('SELECT count(*) FROM audit_events');
    expect(after).toBe(before);
  });

  it('keeps the events of a deleted account', async () => {
    const user = await signedIn(app);
    await user.delete('/v1/users/me');
    await app.db.query('DELETE FROM users WHERE id = $1', [user.user.id]);

    expect((await eventsOf(user)).map(({ type }) => type)).toEqual(['account-deleted', 'sign-in']);
  });
});

/** The events of an account, newest first. */
async function eventsOf({ user }: SignedIn): Promise<Event[]> {
  const { body } = await admin.get(`/v1/audit-events?limit=100&userId=${user.id}`);
  return body.data;
}

const sid = ({ accessToken }: SignedIn): string => String(decodeJwt(accessToken)['sid']);

/** Sends the request from the device that the event must name. */
const post = (path: string, body: object) => app.http().post(path).set('user-agent', DEVICE).send(body);

const signIn = ({ user }: SignedIn, password = PASSWORD) =>
  post('/v1/auth/login', { email: user.email, password });

async function presentTwice(user: SignedIn) {
  await app.db.query('UPDATE sessions SET rotation_counter = 5 WHERE id = $1', [sid(user)]);
  return post('/v1/auth/refresh', { refreshToken: user.refreshToken });
}

const changePassword = (user: SignedIn) =>
  user
    .post('/v1/auth/change-password', { currentPassword: PASSWORD, newPassword: NEW })
    .set('user-agent', DEVICE);

async function resetPassword({ user }: SignedIn) {
  await post('/v1/auth/forgot-password', { email: user.email });
  return post('/v1/auth/reset-password', { token: await app.mailbox.token(user.email), password: NEW });
}

async function verifyEmail({ user }: SignedIn) {
  await app.db.query('UPDATE users SET email_verified_at = NULL WHERE id = $1', [user.id]);
  await post('/v1/auth/verify-email/resend', { email: user.email });
  return post('/v1/auth/verify-email', { token: await app.mailbox.token(user.email), password: PASSWORD });
}

async function changeEmail(user: SignedIn) {
  const newEmail = `${randomUUID()}@example.com`;
  await user.post('/v1/users/me/email', { newEmail, password: PASSWORD });
  return post('/v1/auth/confirm-email-change', { token: await app.mailbox.token(newEmail) });
}

const byAdmin = ({ user }: SignedIn, change: object) =>
  admin.patch(`/v1/users/${user.id}`, change).set('user-agent', DEVICE);
