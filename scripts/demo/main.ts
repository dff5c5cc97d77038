import { randomBytes, randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { readDevState } from '../dev-state.ts';
import * as account from './account.ts';
import * as avatar from './avatar.ts';
import { ApiClient } from './client.ts';
import { type ImportFile, makeImportFile } from './csv.ts';
import { EventStream } from './events.ts';
import * as graphqlNotifications from './graphql-notifications.ts';
import * as graphql from './graphql.ts';
import * as userImport from './import.ts';
import * as live from './live.ts';
import { Mailbox } from './mail.ts';
import * as providers from './providers.ts';
import { Failure, type Progress, Terminal } from './terminal.ts';
import { Receiver } from './webhook-inbox.ts';
import * as webhooks from './webhooks.ts';

interface Demo {
  api: ApiClient;
  mailbox: Mailbox;
  terminal: Terminal;
  /** Part of every email of a run, so that the demo can run again with the same database. */
  runId: string;
}

const RUN_LIMIT_MS = 5 * 60_000;
const HEALTH_TIMEOUT_MS = 5_000;
const { env } = process;

async function runSteps(demo: Demo): Promise<void> {
  const { api, terminal } = demo;
  const visitor = await registerVisitor(demo);
  await useAvatar(demo, visitor);
  await useProviders(demo, visitor);
  await followExport(demo, visitor);
  const admin = await importUsers(demo, visitor.email);
  await terminal.step('Sign out', (on) => account.signOut(api, visitor.session, on));
  await terminal.step('Sign out the admin', (on) => account.signOut(api, admin, on));
}

interface Visitor {
  email: string;
  password: string;
  session: account.TokenPair;
}

async function registerVisitor({ api, mailbox, terminal, runId }: Demo): Promise<Visitor> {
  const visitor = account.newAccount(runId);
  const { email, password, displayName } = visitor;
  await terminal.step('Register an account', (on) => account.register(api, visitor, on));
  const token = await terminal.step('Read the mail', (on) =>
    account.readVerificationMail(mailbox, email, on),
  );
  await terminal.step('Verify the email', () => account.verifyEmail(api, token, password));
  const first = await terminal.step('Sign in', () => account.signIn(api, email, password));
  const profile = { email, displayName, role: 'user', status: 'active', emailVerified: true };
  await terminal.step('Read the profile', (on) => account.readProfile(api.as(first), profile, on));
  const session = await terminal.step('Refresh the tokens', (on) => account.refresh(api, first, on));
  return { email, password, session };
}

async function useAvatar({ api, terminal }: Demo, { session }: Visitor): Promise<void> {
  const visitor = api.as(session);
  const fileId = await terminal.step('Upload an image', (on) => avatar.uploadImage(visitor, on));
  await terminal.step('Set it as the avatar', (on) => avatar.setAvatar(visitor, fileId, on));
  await terminal.step('Remove the avatar', () => avatar.removeAvatar(visitor, fileId));
}

async function useProviders(
  { api, terminal, runId }: Demo,
  { email, password, session }: Visitor,
): Promise<void> {
  const found = await terminal.step('Find sign-in providers', async (on) => {
    const fakeProviders = await providers.fakeProviders(api);
    on.note(fakeProviders.map(({ provider }) => provider).join(', ') || 'skipped: no fake providers');
    return fakeProviders;
  });
  for (const provider of found) {
    await terminal.step(`Sign in with ${provider.provider}`, (on) =>
      providers.signIn(api, provider, runId, on),
    );
  }
  const [first] = found;
  if (first) {
    await terminal.step('Link a provider', (on) => providers.link(api.as(session), first, runId, on));
  }
  const stolen = await terminal.step('Sign in on a second device', () =>
    account.signIn(api, email, password),
  );
  await terminal.step('Reuse its old refresh token', (on) =>
    providers.proveReuse(api, { stolen, other: session }, on),
  );
}

/** An export, observed by its event stream, a notification (in REST and GraphQL) and a webhook. */
async function followExport(demo: Demo, { email, session }: Visitor): Promise<void> {
  const { api, terminal } = demo;
  const visitor = api.as(session);
  const subscription = await terminal.step('Register a webhook', async (on) =>
    webhooks.subscribe(visitor, await Receiver.open(env), demo.runId, on),
  );
  if (subscription) {
    await terminal.step('Receive a ping', (on) => webhooks.ping(visitor, subscription, on));
  }
  const stream = await terminal.step('Listen to notifications', () =>
    EventStream.open(visitor, '/v1/notifications/stream'),
  );
  const graphqlStream = await terminal.step('Subscribe with GraphQL', () =>
    graphqlNotifications.Subscription.open(api, session.accessToken),
  );
  const key = randomUUID();
  const job = await terminal.step('Export the user data', (on) => live.exportData(visitor, key, on));
  await terminal.step('Repeat the request', (on) => live.repeatExport(visitor, key, job, on));
  await terminal.step('Receive the notification', (on) => live.receiveNotification(stream, job, on));
  await terminal.step('Receive it with GraphQL', (on) => graphqlStream.receiveJob(job, on));
  await terminal.step('Query the job with GraphQL', (on) => graphql.queryJobs(visitor, email, on));
  await terminal.step('Download the export', (on) => live.downloadExport(visitor, job, email, on));
  if (!subscription) return;
  await terminal.step('Receive the webhook', (on) => webhooks.receiveJob(subscription, job.id, on));
  await terminal.step('Check the delivery log', (on) => webhooks.checkDeliveries(visitor, subscription, on));
  await terminal.step('Delete the webhook', (on) => webhooks.unsubscribe(visitor, subscription, on));
}

async function importUsers({ api, terminal, runId }: Demo, visitorEmail: string): Promise<account.TokenPair> {
  const email = env.ADMIN_EMAIL || 'admin@example.com';
  const password = env.ADMIN_PASSWORD || 'development-only-admin';
  const session = await terminal.step('Sign in as the admin', () => account.signIn(api, email, password));
  const admin = api.as(session);
  const prefix = `import-${runId}-`;
  const file = await terminal.step('Generate a CSV', (on) => generate(prefix, [email, visitorEmail], on));
  const path = await terminal.step('Upload the CSV', (on) => userImport.uploadFile(admin, file, on));
  const job = await terminal.step('Follow the import', (on) => userImport.followJob(admin, path, on));
  await terminal.step('Check the error report', (on) => userImport.checkReport(admin, job, file, on));
  await terminal.step('Check that each user exists once', (on) =>
    userImport.checkUsers(admin, prefix, file, on),
  );
  return session;
}

async function generate(emailPrefix: string, taken: string[], progress: Progress): Promise<ImportFile> {
  const file = makeImportFile(emailPrefix, taken);
  const kilobytes = Math.round(file.bytes / 1024);
  progress.note(`${file.rows.length - 1} rows, ${file.faults.size} with a fault, ${kilobytes} KiB`);
  return file;
}

/** Prints one line if the server can't be reached. */
async function assertReachable(api: ApiClient): Promise<void> {
  try {
    await api.call('GET /health/live', 200, { timeoutMs: HEALTH_TIMEOUT_MS });
  } catch (error) {
    const got = error instanceof Failure ? error.facts.got : String(error);
    const remedy = 'start it with bin/dev or docker compose up, or set BASE_URL';
    throw new Error(`The API does not respond at ${api.baseUrl} (${got}): ${remedy}.`, { cause: error });
  }
}

async function main(): Promise<void> {
  const dev = env.BASE_URL ? undefined : readDevState(dirname(dirname(import.meta.dirname)));
  // Settings of the caller take precedence.
  Object.assign(env, { ...dev?.settings, ...env });
  const api = new ApiClient({
    baseUrl: env.BASE_URL || dev?.url || 'http://localhost:3000',
    correlationId,
    onWaiting: (text) => terminal.waiting(text),
  });
  await assertReachable(api);
  terminal.line(`Demo on ${api.baseUrl}, correlation id ${correlationId}\n`);
  await runSteps({ api, mailbox: new Mailbox(env), terminal, runId });
  terminal.passed();
}

const terminal = new Terminal();
const runId = `${Date.now().toString(36)}${randomBytes(3).toString('hex')}`;
const correlationId = `demo-${runId}`;

function fail(failure: Failure): never {
  terminal.failed(failure, { 'correlation id': failure.facts['correlation id'] ?? correlationId });
  process.exit(1);
}

process.on('SIGINT', () => {
  terminal.line();
  process.exit(130);
});
setTimeout(
  () => fail(new Failure(`the whole run within ${RUN_LIMIT_MS / 60_000} minutes`, 'it still runs')),
  RUN_LIMIT_MS,
);

try {
  await main();
  process.exit(0);
} catch (error) {
  if (error instanceof Failure) fail(error);
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
