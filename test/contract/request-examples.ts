import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { newPerson } from '../factories/person.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { type SignedIn, signedIn, visitor } from '../support/client.ts';
import type { OAuthApp } from '../support/oauth-app.ts';
import type { ProviderName } from '../support/providers/person.ts';
import { visit } from '../support/providers/visit.ts';
import { upload } from '../support/uploads.ts';

/** The parts that the test adds to an example before sending it. */
export interface Prepared {
  /** Default: a new user, if the operation needs a token. */
  caller?: SignedIn;
  /** The parameters of the path: `{ id }`. Default of `provider`: github. */
  parameters?: Record<string, string>;
  /** Properties that replace those of the example, such as tokens. */
  body?: Record<string, unknown>;
  headers?: Record<string, string>;
}

/** The properties that the preparations read are texts. */
export type ExampleBody = Record<string, string>;

type Preparation = (world: OAuthApp, example: ExampleBody) => Promise<Prepared>;

export const STANDARD_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const admin = async ({ app }: OAuthApp): Promise<Prepared> => ({
  caller: await signedIn(app, { role: 'admin' }),
});

const newEmail = () => `user-${randomUUID()}@example.com`;

/** An account with the email and password of the example. Accounts of earlier examples must not have the email. */
async function accountOf(app: TestApp, { email, password }: ExampleBody): Promise<void> {
  await app.db.query(`UPDATE users SET email = id || '@example.com' WHERE email = $1`, [email]);
  await createUser(app, { email, password });
}

/** A browser that comes back from a provider. */
async function backFrom({ app, person }: OAuthApp, provider: ProviderName) {
  person(provider, newPerson());
  const browser = new Browser(app);
  const callback = await visit(locationOf(await browser.startSignIn(provider)));
  return { browser, callback };
}

const cookiesOf = ({ cookies }: Browser): string =>
  [...cookies].map(([name, { value }]) => `${name}=${value}`).join('; ');

/** By operationId, for the operations whose examples need a state or a caller. */
export const preparations: Record<string, Preparation> = {
  login: async ({ app }, example) => {
    await accountOf(app, example);
    return {};
  },

  verifyEmail: async ({ app }, { password }) => {
    const email = newEmail();
    await visitor(app).register(email, { password });
    return { body: { token: await app.mailbox.token(email) } };
  },

  refreshTokens: async ({ app }, example) => {
    const { refreshToken, user } = await signedIn(app);
    if ('refreshToken' in example) return { body: { refreshToken } };
    const response = await app
      .http()
      .post('/v1/auth/login')
      .send({ email: user.email, password: 'correct horse battery', refreshTokenIn: 'cookie' });
    const [cookie = ''] = [response.headers['set-cookie'] ?? []].flat();
    return { headers: { cookie: cookie.split(';')[0]!, origin: app.config.PUBLIC_URL } };
  },

  resetPassword: async ({ app }) => {
    const { user } = await createUser(app);
    await visitor(app).forgotPassword(user.email);
    return { body: { token: await app.mailbox.token(user.email) } };
  },

  changePassword: async ({ app }, { currentPassword }) => ({
    caller: await signedIn(app, { password: currentPassword }),
  }),

  requestEmailChange: async ({ app, person }, { password }) => {
    if (password !== undefined) return { caller: await signedIn(app, { password }) };
    person('google', newPerson());
    return { caller: await new Browser(app).signIn('google') };
  },

  confirmEmailChange: async ({ app }) => {
    const caller = await signedIn(app, { password: 'four plain words together' });
    const email = newEmail();
    await caller.post('/v1/users/me/email', { newEmail: email, password: 'four plain words together' });
    return { body: { token: await app.mailbox.token(email) } };
  },

  handleProviderFormCallback: async (world) => {
    const { browser, callback } = await backFrom(world, 'apple');
    return {
      parameters: { provider: 'apple' },
      body: Object.fromEntries([...callback.fields].filter(([name]) => name === 'state')),
      headers: { cookie: cookiesOf(browser) },
    };
  },

  exchangeCode: async (world) => {
    const { browser, callback } = await backFrom(world, 'google');
    const end = new URL(locationOf(await browser.sendCallback(callback)));
    return { body: { code: end.searchParams.get('code') }, headers: { cookie: cookiesOf(browser) } };
  },

  setAvatar: async ({ app }) => {
    const caller = await signedIn(app);
    return { caller, body: { fileId: await upload(app, caller) } };
  },

  importUsers: admin,
  listUsers: admin,
  listAuditEvents: admin,
  retryFailedJobs: admin,
  createWebhookEndpoint: admin,
  updateUser: async (world) => ({
    ...(await admin(world)),
    parameters: { id: (await createUser(world.app)).user.id },
  }),

  updateWebhookEndpoint: ({ app }) => ownEndpoint(app),
  redeliverWebhookDeliveries: ({ app }) => ownEndpoint(app),

  receiveWebhook: async (_world, example) => {
    const id = randomUUID();
    const at = new Date();
    const signature = new Webhook(STANDARD_SECRET).sign(id, at, JSON.stringify(example));
    const timestamp = String(Math.floor(at.getTime() / 1_000));
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
    return { parameters: { source: 'standard' }, headers };
  },
};

async function ownEndpoint(app: TestApp): Promise<Prepared> {
  const caller = await signedIn(app);
  const { id } = await createEndpoint(caller, 'https://example.com/hooks');
  return { caller, parameters: { id } };
}
