import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createHash, randomBytes, randomUUID, randomUUIDv7 } from 'node:crypto';
import type { Test } from 'supertest';
import { DataSource, type Logger } from 'typeorm';
import { product } from '../../src/platform/config/product.ts';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
const HOOK = 'https://example.com/hooks';
/** Accounts that are tested at the same time. */
const LANES = 4;
/** Each change of a row takes this long, so that two transactions overlap. */
const ROW_SECONDS = 0.004;
/** By default, Postgres looks for deadlocks after a second. */
const DEADLOCK_TIMEOUT = '30ms';

let app: TestApp;
let admin: SignedIn;
const deadlocks: string[] = [];

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  admin = await signedIn(app, { role: 'admin' });
  await signedIn(app, { role: 'admin' });
  await slowDown(app.db);
  for (const part of [app.api, ...app.workers]) {
    await untilReconnected(part.get(DataSource));
    recordDeadlocks(part.get(DataSource));
  }
});

afterAll(() => app.stop());

/** Prepares the account for the route. Returns a function that sends the request. */
type Route = (account: SignedIn) => Promise<() => Test> | (() => Test);

const post = (path: string, body: object) => app.http().post(path).send(body);

const routes: Record<string, Route> = {
  register: (account) => () =>
    post('/v1/auth/register', { email: account.user.email, password: PASSWORD, displayName: 'Name' }),
  'resend verification': (account) => () =>
    post('/v1/auth/verify-email/resend', { email: account.user.email }),
  'verify email': async (account) => {
    const token = await emailToken(account, 'verify-email');
    return () => post('/v1/auth/verify-email', { token, password: PASSWORD });
  },
  login: (account) => () => post('/v1/auth/login', { email: account.user.email, password: PASSWORD }),
  'login with a wrong password': (account) => () =>
    post('/v1/auth/login', { email: account.user.email, password: 'a wrong password' }),
  refresh:
    ({ refreshToken }) =>
    () =>
      post('/v1/auth/refresh', { refreshToken }),
  logout: (account) => () => account.post('/v1/auth/logout'),
  'logout everywhere': (account) => () => account.post('/v1/auth/logout-all'),
  'revoke a session': async (account) => {
    const { accessToken } = await login(app, account.user.email, PASSWORD);
    return () => account.delete(`/v1/auth/sessions/${String(decodeJwt(accessToken)['sid'])}`);
  },
  'forgot password': (account) => () => post('/v1/auth/forgot-password', { email: account.user.email }),
  'reset password': async (account) => {
    const token = await emailToken(account, 'reset-password');
    return () => post('/v1/auth/reset-password', { token, password: 'another horse battery' });
  },
  'change password': (account) => () =>
    account.post('/v1/auth/change-password', {
      currentPassword: PASSWORD,
      newPassword: 'one more horse battery',
    }),
  'request an email change': (account) => () =>
    account.post('/v1/users/me/email', { newEmail: newEmail(), password: PASSWORD }),
  'confirm an email change': async (account) => {
    const token = await emailToken(account, 'confirm-email-change');
    return () => post('/v1/auth/confirm-email-change', { token });
  },
  'update the profile': (account) => () => account.patch('/v1/users/me', { displayName: 'New' }),
  'delete the account': (account) => () => account.delete('/v1/users/me'),
  'suspend by an admin':
    ({ user }) =>
    () =>
      admin.patch(`/v1/users/${user.id}`, { status: 'suspended' }),
  'change the role by an admin':
    ({ user }) =>
    () =>
      admin.patch(`/v1/users/${user.id}`, { role: 'admin' }),
  'unlink a provider': async ({ user, ...account }) => {
    await app.db.query(
      `INSERT INTO identities (id, user_id, provider, subject) VALUES ($1, $2, 'google', $3)
       ON CONFLICT DO NOTHING`,
      [randomUUIDv7(), user.id, randomUUID()],
    );
    return () =>
      app
        .http()
        .delete('/v1/users/me/identities/google')
        .set('authorization', `Bearer ${account.accessToken}`);
  },
  'start a job': (account) => () => account.post('/v1/jobs', { type: 'user-export', input: {} }),
  'cancel a job': async (account) => {
    const { id } = await createJob(app, { userId: account.user.id });
    return () => account.post(`/v1/jobs/${id}/cancel`);
  },
  'retry a job': async (account) => {
    const { id } = await createJob(app, { userId: account.user.id, status: 'failed' });
    return () => account.post(`/v1/jobs/${id}/retry`);
  },
  'read a notification': async (account) => {
    await notify(app, account.user.id);
    const { body } = await account.get('/v1/notifications');
    return () => account.post(`/v1/notifications/${String(body.data[0].id)}/read`);
  },
  'read all notifications': async (account) => {
    await notify(app, account.user.id);
    return () => account.post('/v1/notifications/read-all');
  },
  'create a webhook endpoint': (account) => () =>
    account.post('/v1/webhook-endpoints', { url: HOOK, eventTypes: ['user.updated'] }),
  'update a webhook endpoint': async (account) => {
    const id = await endpointOf(account);
    return () => account.patch(`/v1/webhook-endpoints/${id}`, { description: 'New' });
  },
  'delete a webhook endpoint': async (account) => {
    const id = await endpointOf(account);
    return () => account.delete(`/v1/webhook-endpoints/${id}`);
  },
  'rotate a webhook secret': async (account) => {
    const id = await endpointOf(account);
    return () => account.post(`/v1/webhook-endpoints/${id}/rotate-secret`);
  },
  'ping a webhook endpoint': async (account) => {
    const id = await endpointOf(account);
    return () => account.post(`/v1/webhook-endpoints/${id}/ping`);
  },
  'redeliver a webhook': async (account) => {
    const { body } = await account.post(`/v1/webhook-endpoints/${await endpointOf(account)}/ping`);
    return () => account.post(`/v1/webhook-deliveries/${String(body.data.id)}/redeliver`);
  },
};

describe('two requests that change one account at the same time', () => {
  it('never deadlock and never get a 5xx, whatever the pair', async () => {
    const names = Object.keys(routes);
    const pairs = names.flatMap((first, i) => names.slice(i).map((second) => [first, second] as const));
    const failures: string[] = [];

    await Promise.all(
      times(LANES, async () => {
        for (let pair = pairs.pop(); pair; pair = pairs.pop()) failures.push(...(await runPair(pair)));
      }),
    );

    expect({ failures, deadlocks: [...new Set(deadlocks)] }).toEqual({ failures: [], deadlocks: [] });
  }, 180_000);
});

async function runPair(pair: readonly [string, string]): Promise<string[]> {
  const account = await signedIn(app);
  const requests: (() => Test)[] = [];
  for (const name of pair) requests.push(await routes[name]!(account));
  const responses = await Promise.all(requests.map((request) => request()));
  return responses
    .filter(({ status }) => status >= 500)
    .map(({ status, text }) => `${pair.join(' × ')}: ${status} ${text}`);
}

const newEmail = (): string => `new-${randomUUID()}@example.com`;

async function endpointOf(account: SignedIn): Promise<string> {
  const { body } = await account.get('/v1/webhook-endpoints');
  const [existing] = body.data as { id: string }[];
  return existing?.id ?? (await createEndpoint(account, HOOK)).id;
}

/** Stores a token as if its email had been sent. */
async function emailToken({ user }: SignedIn, purpose: string): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const email = purpose === 'confirm-email-change' ? newEmail() : user.email;
  await app.db.query(
    `INSERT INTO email_tokens (id, user_id, purpose, email, token_hash, password_hash, display_name, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'Name', now() + interval '1 hour')`,
    [
      randomUUIDv7(),
      user.id,
      purpose,
      email,
      createHash('sha256').update(token).digest(),
      purpose === 'verify-email' ? user.passwordHash : null,
    ],
  );
  return token;
}

async function slowDown(db: DataSource): Promise<void> {
  await db.query(`
    CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(${ROW_SECONDS}); RETURN NULL; END $$`);
  const tables = await db.query<{ name: string }[]>(`
    SELECT tablename AS name FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ('migrations', 'rate_limits')`);
  for (const { name } of tables) {
    await db.query(`
      CREATE TRIGGER slow_down AFTER INSERT OR UPDATE OR DELETE ON ${name}
      FOR EACH ROW EXECUTE FUNCTION slow_down()`);
  }
  const [{ database }] = await db.query<[{ database: string }]>('SELECT current_database() AS database');
  await db.query(`ALTER DATABASE "${database}" SET deadlock_timeout TO '${DEADLOCK_TIMEOUT}'`);
  // Only a new connection gets the setting.
  await db.query(`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE '${product.name}-%'`);
}

/** A pool may still use a terminated connection. Parallel statements use all connections. */
function untilReconnected(db: DataSource): Promise<true> {
  const { max: connections } = db.options.extra as { max: number };
  const query = () => Promise.all(times(connections, () => db.query('SELECT 1')));
  return until(
    () =>
      query().then(
        () => true as const,
        () => false,
      ),
    'the pool to replace its connections',
  );
}

function recordDeadlocks(db: DataSource): void {
  const ignore = () => undefined;
  const logger: Logger = {
    logQueryError: (error, query) => {
      if ((error as { code?: string }).code === '40P01') deadlocks.push(query.replaceAll(/\s+/g, ' '));
    },
    logQuery: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
  db.logger = logger;
}
