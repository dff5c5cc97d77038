import { randomUUID } from 'node:crypto';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import type { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { decodeJwt } from 'jose';

/** Who calls. What the path names, where it names anything, is the owner’s. */
export const callers = ['nobody', 'stranger', 'owner', 'admin'] as const;
export type Caller = (typeof callers)[number];

export interface Rule {
  expected: Record<Caller, number>;
  /** Something of the owner, made anew for each call: what the `{id}` of the path is. */
  of?: Thing;
  /** A body that is in order, but for secrets that nobody has. */
  body?: object;
  headers?: Record<string, string>;
  /** The answer is a stream: its status is all there is to wait for. */
  isEndless?: boolean;
}

const PASSWORD = 'correct horse battery';
const HOOK = 'https://example.com/hooks';

const things = {
  session: async (app: TestApp, owner: SignedIn) => {
    const { accessToken } = await login(app, owner.user.email, PASSWORD);
    return String(decodeJwt(accessToken)['sid']);
  },
  account: async (_app: TestApp, owner: SignedIn) => owner.user.id,
  'queued job': async (app: TestApp, owner: SignedIn) => jobOf(app, owner, 'queued'),
  'failed job': async (app: TestApp, owner: SignedIn) => jobOf(app, owner, 'failed'),
  'finished export': async (app: TestApp, owner: SignedIn) => {
    const id = await jobOf(app, owner, 'completed');
    await app.db.query(
      `WITH file AS (INSERT INTO job_files (id, name, media_type) VALUES ($2, 'x.csv', 'text/csv') RETURNING id)
       UPDATE jobs SET result_file_id = (SELECT id FROM file) WHERE id = $1`,
      [id, randomUUID()],
    );
    return id;
  },
  notification: async (app: TestApp, owner: SignedIn) => {
    await notify(app, owner.user.id);
    return (await owner.get('/v1/notifications')).body.data[0].id as string;
  },
  'webhook endpoint': async (_app: TestApp, owner: SignedIn) => (await createEndpoint(owner, HOOK)).id,
  'webhook delivery': async (_app: TestApp, owner: SignedIn) => {
    const { id } = await createEndpoint(owner, HOOK);
    return (await owner.post(`/v1/webhook-endpoints/${id}/ping`)).body.data.id as string;
  },
};
export type Thing = keyof typeof things;

export const make = (thing: Thing, app: TestApp, owner: SignedIn): Promise<string> =>
  things[thing](app, owner);

const jobOf = async (app: TestApp, { user }: SignedIn, status: 'queued' | 'failed' | 'completed') =>
  (await createJob(app, { userId: user.id, status, type: 'of-no-handler' })).id;

/** Of nobody, a stranger, the owner and an administrator. */
type Statuses = [nobody: number, stranger: number, owner: number, admin: number];

const rule = ([nobody, stranger, owner, admin]: Statuses, more: Partial<Rule> = {}): Rule => ({
  expected: { nobody, stranger, owner, admin },
  ...more,
});

const token = 'x'.repeat(43);
const email = 'nobody@example.com';
const returnTo = 'http://localhost:3000/';

/** What each caller is answered, by operation: who adds one to the API says here who it is for. */
export const matrix: Record<string, Rule> = {
  //                              nobody stranger owner admin
  root_describe: /*            */ rule([200, 200, 200, 200]),
  problems_list: /*            */ rule([200, 200, 200, 200]),
  problems_get: /*             */ rule([404, 404, 404, 404]),
  health_live: /*              */ rule([200, 200, 200, 200]),
  health_ready: /*             */ rule([200, 200, 200, 200]),
  jwks_jwks: /*                */ rule([200, 200, 200, 200]),

  auth_register: /*            */ rule([202, 202, 202, 202], {
    body: { email, password: PASSWORD, displayName: 'N' },
  }),
  auth_verifyEmail: /*         */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  auth_resendVerification: /*  */ rule([202, 202, 202, 202], { body: { email } }),
  auth_login: /*               */ rule([401, 401, 401, 401], {
    body: { email, password: 'a wrong password' },
  }),
  auth_refresh: /*             */ rule([401, 401, 401, 401], { body: { refreshToken: token } }),
  auth_logout: /*              */ rule([401, 204, 204, 204]),
  auth_logoutAll: /*           */ rule([401, 204, 204, 204]),
  sessions_list: /*            */ rule([401, 200, 200, 200]),
  sessions_end: /*             */ rule([401, 404, 204, 404], { of: 'session' }),

  passwords_forgotPassword: /* */ rule([202, 202, 202, 202], { body: { email } }),
  passwords_resetPassword: /*  */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  passwords_changePassword: /* */ rule([401, 204, 204, 204], {
    body: { currentPassword: PASSWORD, newPassword: 'a new one, and long' },
  }),
  emailChange_request: /*      */ rule([401, 202, 202, 202], {
    body: { newEmail: email, password: PASSWORD },
  }),
  emailChange_confirm: /*      */ rule([400, 400, 400, 400], { body: { token } }),

  oAuth_list: /*               */ rule([200, 200, 200, 200]),
  // No provider is configured here, and one that is not is absent.
  oAuth_begin: /*              */ rule([404, 404, 404, 404]),
  oAuth_beginLink: /*          */ rule([401, 404, 404, 404], { body: { returnTo } }),
  oAuth_comeBack: /*           */ rule([404, 404, 404, 404]),
  oAuth_comeBackByForm: /*     */ rule([422, 422, 422, 422]),
  oAuthExchange_exchange: /*   */ rule([400, 400, 400, 400], { body: { code: token } }),
  identities_list: /*          */ rule([401, 200, 200, 200]),
  identities_unlink: /*        */ rule([401, 404, 404, 404]),

  users_me: /*                 */ rule([401, 200, 200, 200]),
  users_updateMe: /*           */ rule([401, 200, 200, 200], { body: { displayName: 'New' } }),
  users_deleteMe: /*           */ rule([401, 204, 204, 204]),
  users_list: /*               */ rule([401, 403, 403, 200]),
  users_get: /*                */ rule([401, 403, 403, 200], { of: 'account' }),
  users_update: /*             */ rule([401, 403, 403, 200], {
    of: 'account',
    body: { status: 'suspended' },
  }),
  userImports_start: /*        */ rule([401, 403, 403, 422]),
  audit_list: /*               */ rule([401, 403, 403, 200]),

  jobs_start: /*               */ rule([401, 202, 202, 202], { body: { type: 'user-export', input: {} } }),
  jobs_list: /*                */ rule([401, 200, 200, 200]),
  jobs_get: /*                 */ rule([401, 404, 200, 200], { of: 'queued job' }),
  jobs_cancel: /*              */ rule([401, 404, 200, 200], { of: 'queued job' }),
  jobs_retry: /*               */ rule([401, 404, 202, 202], { of: 'failed job' }),
  jobs_redrive: /*             */ rule([401, 403, 403, 202], { body: { type: 'user-export' } }),
  jobs_result: /*              */ rule([401, 404, 200, 200], { of: 'finished export' }),
  // Of one that has ended, since the answer ends with it.
  jobs_watch: /*               */ rule([401, 404, 200, 200], { of: 'failed job' }),

  dashboardSession_begin: /*   */ rule([401, 403, 403, 204]),
  dashboardSession_end: /*     */ rule([204, 204, 204, 204], {
    headers: { 'sec-fetch-site': 'same-origin' },
  }),

  notifications_list: /*       */ rule([401, 200, 200, 200]),
  notifications_read: /*       */ rule([401, 404, 204, 404], { of: 'notification' }),
  notifications_readAll: /*    */ rule([401, 204, 204, 204]),
  webhookEndpoints_list: /*    */ rule([401, 200, 200, 200]),
  webhookEndpoints_create: /*  */ rule([401, 201, 201, 201], { body: { url: HOOK, eventTypes: ['ping'] } }),
  webhookEndpoints_get: /*     */ rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  webhookEndpoints_update: /*  */ rule([401, 404, 200, 404], {
    of: 'webhook endpoint',
    body: { description: 'New' },
  }),
  webhookEndpoints_delete: /*  */ rule([401, 404, 204, 404], { of: 'webhook endpoint' }),
  webhookEndpoints_rotateSecret: rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  webhookEndpoints_ping: /*    */ rule([401, 404, 202, 404], { of: 'webhook endpoint' }),
  webhookDeliveries_list: /*   */ rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  webhookDeliveries_listAttempts: rule([401, 404, 200, 404], { of: 'webhook delivery' }),
  webhookDeliveries_redeliverMany: rule([401, 404, 202, 404], {
    of: 'webhook endpoint',
    body: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' },
  }),
  webhookDeliveries_redeliver: rule([401, 404, 202, 404], { of: 'webhook delivery' }),
  // No source is configured here, and a signature is asked for before anything else.
  inboundWebhooks_receive: /*  */ rule([404, 404, 404, 404]),

  notifications_stream: /*     */ rule([401, 200, 200, 200], { isEndless: true }),
};

export type People = Record<Exclude<Caller, 'nobody'>, SignedIn>;

export async function people(app: TestApp): Promise<People> {
  const [stranger, owner, admin] = await Promise.all([
    signedIn(app),
    signedIn(app),
    signedIn(app, { role: 'admin' }),
  ]);
  return { stranger, owner, admin };
}
