import { decodeJwt } from 'jose';
import { randomUUID } from 'node:crypto';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import type { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';

/** `other` is another user. A resource in the path belongs to the owner. */
export const callers = ['anonymous', 'other', 'owner', 'admin'] as const;
export type Caller = (typeof callers)[number];

export interface Rule {
  expected: Record<Caller, number>;
  /** A resource of the owner for the `{id}` of the path, created for each call. */
  of?: Thing;
  /** A valid body, except for secrets that no caller has. */
  body?: object;
  headers?: Record<string, string>;
  /** The response is a stream without an end, so only its status is checked. */
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

/** Response statuses in the order of `callers`. */
type Statuses = [anonymous: number, other: number, owner: number, admin: number];

const rule = ([anonymous, other, owner, admin]: Statuses, more: Partial<Rule> = {}): Rule => ({
  expected: { anonymous, other, owner, admin },
  ...more,
});

const token = 'x'.repeat(43);
const email = 'unknown@example.com';
const returnTo = 'http://localhost:3000/';

/** Expected response status per operation and caller. Each new operation needs a row. */
export const matrix: Record<string, Rule> = {
  //                                     anonymous other owner admin
  getApiInfo: /*                   */ rule([200, 200, 200, 200]),
  listProblems: /*                 */ rule([200, 200, 200, 200]),
  getProblem: /*                   */ rule([404, 404, 404, 404]),
  checkLiveness: /*                */ rule([200, 200, 200, 200]),
  checkReadiness: /*               */ rule([200, 200, 200, 200]),
  getSigningKeys: /*               */ rule([200, 200, 200, 200]),

  register: /*                     */ rule([202, 202, 202, 202], {
    body: { email, password: PASSWORD, displayName: 'N' },
  }),
  verifyEmail: /*                  */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  resendVerificationEmail: /*      */ rule([202, 202, 202, 202], { body: { email } }),
  login: /*                        */ rule([401, 401, 401, 401], {
    body: { email, password: 'a wrong password' },
  }),
  refreshTokens: /*                */ rule([401, 401, 401, 401], { body: { refreshToken: token } }),
  logout: /*                       */ rule([401, 204, 204, 204]),
  logoutAll: /*                    */ rule([401, 204, 204, 204]),
  listSessions: /*                 */ rule([401, 200, 200, 200]),
  revokeSession: /*                */ rule([401, 404, 204, 404], { of: 'session' }),

  forgotPassword: /*               */ rule([202, 202, 202, 202], { body: { email } }),
  resetPassword: /*                */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  changePassword: /*               */ rule([401, 204, 204, 204], {
    body: { currentPassword: PASSWORD, newPassword: 'a new one, and long' },
  }),
  requestEmailChange: /*           */ rule([401, 202, 202, 202], {
    body: { newEmail: email, password: PASSWORD },
  }),
  confirmEmailChange: /*           */ rule([400, 400, 400, 400], { body: { token } }),

  listProviders: /*                */ rule([200, 200, 200, 200]),
  // No provider is configured here, and an unconfigured provider is not found.
  startProviderSignIn: /*          */ rule([404, 404, 404, 404]),
  startProviderLink: /*            */ rule([401, 404, 404, 404], { body: { returnTo } }),
  handleProviderCallback: /*       */ rule([404, 404, 404, 404]),
  handleProviderFormCallback: /*   */ rule([422, 422, 422, 422]),
  exchangeCode: /*                 */ rule([400, 400, 400, 400], { body: { code: token } }),
  listIdentities: /*               */ rule([401, 200, 200, 200]),
  unlinkIdentity: /*               */ rule([401, 404, 404, 404]),

  getMe: /*                        */ rule([401, 200, 200, 200]),
  updateMe: /*                     */ rule([401, 200, 200, 200], { body: { displayName: 'New' } }),
  deleteMe: /*                     */ rule([401, 204, 204, 204]),
  listUsers: /*                    */ rule([401, 403, 403, 200]),
  getUser: /*                      */ rule([401, 403, 403, 200], { of: 'account' }),
  updateUser: /*                   */ rule([401, 403, 403, 200], {
    of: 'account',
    body: { status: 'suspended' },
  }),
  importUsers: /*                  */ rule([401, 403, 403, 422]),
  listAuditEvents: /*              */ rule([401, 403, 403, 200]),

  startJob: /*                     */ rule([401, 202, 202, 202], {
    body: { type: 'user-export', input: {} },
  }),
  listJobs: /*                     */ rule([401, 200, 200, 200]),
  getJob: /*                       */ rule([401, 404, 200, 200], { of: 'queued job' }),
  cancelJob: /*                    */ rule([401, 404, 200, 200], { of: 'queued job' }),
  retryJob: /*                     */ rule([401, 404, 202, 202], { of: 'failed job' }),
  retryFailedJobs: /*              */ rule([401, 403, 403, 202], { body: { type: 'user-export' } }),
  downloadJobResult: /*            */ rule([401, 404, 200, 200], { of: 'finished export' }),
  // A failed job, because the stream ends when the job has ended.
  watchJob: /*                     */ rule([401, 404, 200, 200], { of: 'failed job' }),

  openDashboardSession: /*         */ rule([401, 403, 403, 204]),
  closeDashboardSession: /*        */ rule([204, 204, 204, 204], {
    headers: { 'sec-fetch-site': 'same-origin' },
  }),

  listNotifications: /*            */ rule([401, 200, 200, 200]),
  markNotificationRead: /*         */ rule([401, 404, 204, 404], { of: 'notification' }),
  markAllNotificationsRead: /*     */ rule([401, 204, 204, 204]),
  listWebhookEndpoints: /*         */ rule([401, 200, 200, 200]),
  createWebhookEndpoint: /*        */ rule([401, 201, 201, 201], {
    body: { url: HOOK, eventTypes: ['ping'] },
  }),
  getWebhookEndpoint: /*           */ rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  updateWebhookEndpoint: /*        */ rule([401, 404, 200, 404], {
    of: 'webhook endpoint',
    body: { description: 'New' },
  }),
  deleteWebhookEndpoint: /*        */ rule([401, 404, 204, 404], { of: 'webhook endpoint' }),
  rotateWebhookSecret: rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  pingWebhookEndpoint: /*          */ rule([401, 404, 202, 404], { of: 'webhook endpoint' }),
  listWebhookDeliveries: /*        */ rule([401, 404, 200, 404], { of: 'webhook endpoint' }),
  listDeliveryAttempts: rule([401, 404, 200, 404], { of: 'webhook delivery' }),
  redeliverWebhookDeliveries: rule([401, 404, 202, 404], {
    of: 'webhook endpoint',
    body: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' },
  }),
  redeliverWebhookDelivery: rule([401, 404, 202, 404], { of: 'webhook delivery' }),
  // No source is configured here, so each source is not found.
  receiveWebhook: /*               */ rule([404, 404, 404, 404]),

  streamNotifications: /*          */ rule([401, 200, 200, 200], { isEndless: true }),
};

export type Users = Record<Exclude<Caller, 'anonymous'>, SignedIn>;

export async function createUsers(app: TestApp): Promise<Users> {
  const [other, owner, admin] = await Promise.all([
    signedIn(app),
    signedIn(app),
    signedIn(app, { role: 'admin' }),
  ]);
  return { other, owner, admin };
}
