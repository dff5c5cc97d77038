import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { strFromU8, unzipSync } from 'fflate';
import type { IncomingMessage } from 'node:http';
import { createJob, untilJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';
import { upload } from '../support/uploads.ts';

const TABLES = [
  'audit-events',
  'files',
  'identities',
  'jobs',
  'mails',
  'notifications',
  'profile',
  'sessions',
  'webhook-endpoints',
];
const AUDIT_EVENTS = ['sign-in', 'webhook-endpoint-created'];

let app: TestApp;
let user: SignedIn;
let otherUser: SignedIn;
let files: Record<string, string>;
let headers: Record<string, string>;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  user = await signedIn(app, { displayName: '=HYPERLINK("x"), "and" more' });
  otherUser = await signedIn(app);
  await app.http().post('/v1/auth/forgot-password').send({ email: user.user.email });
  await app.mailbox.next(user.user.email);
  await app.db.query(
    `INSERT INTO identities (id, user_id, provider, subject, email)
     VALUES (gen_random_uuid(), $1, 'google', 'subject-1', 'me@gmail.example'),
            (gen_random_uuid(), $2, 'google', 'subject-2', 'they@gmail.example')`,
    [user.user.id, otherUser.user.id],
  );
  await notify(app, user.user.id);
  await upload(app, user);
  await createEndpoint(user, 'https://example.com/hook');
  const jobId = await startExport(user);
  await untilJob(app, jobId, 'completed');
  headers = (await download(user, jobId)).headers;
  files = await unzipped(user, jobId);
});

afterAll(() => app.stop());

describe('the job user-export', () => {
  it('creates a ZIP with every table as JSON and CSV', () => {
    expect(headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': 'attachment; filename="my-data.zip"',
      'cache-control': 'no-store',
    });
    expect(Object.keys(files).toSorted()).toEqual(TABLES.flatMap((name) => [`${name}.csv`, `${name}.json`]));
  });

  it('contains the same data in both formats', () => {
    for (const name of TABLES) {
      const rows = JSON.parse(files[`${name}.json`]!) as object[];
      const [header = ''] = files[`${name}.csv`]!.split('\n');
      expect(rows.length).toBeGreaterThan(0);
      expect(header.split(',')).toEqual(Object.keys(rows[0]!));
    }
  });

  it('contains the data of the user', () => {
    const { id, email, displayName } = user.user;

    expect(table('profile')).toEqual([
      expect.objectContaining({ id, email, display_name: displayName, role: 'user' }),
    ]);
    expect(table('sessions')).toEqual([
      expect.objectContaining({ ip_address: expect.stringContaining('127.0.0.1') }),
    ]);
    expect(table('identities')).toEqual([
      expect.objectContaining({ provider: 'google', subject: 'subject-1' }),
    ]);
    expect(table('mails')).toEqual([
      expect.objectContaining({ template: 'reset-password', recipient: email }),
    ]);
    expect(table('audit-events')).toEqual(AUDIT_EVENTS.map((type) => expect.objectContaining({ type })));
  });

  it('contains no data of other users', () => {
    const all = Object.values(files).join('\n');

    for (const text of [otherUser.user.id, otherUser.user.email, 'subject-2', 'they@gmail.example'])
      expect(all).not.toContain(text);
  });

  it('does not reveal the browser of an administrator who changed the account', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const subject = await signedIn(app);
    for (const status of ['suspended', 'active']) {
      await admin.patch(`/v1/users/${subject.user.id}`, { status }).set('user-agent', 'of-the-admin/1.0');
    }
    const again = await signInAgain(subject);
    const jobId = await startExport(again);
    await untilJob(app, jobId, 'completed');

    const events = JSON.parse((await unzipped(again, jobId))['audit-events.json']!) as object[];

    expect(events).toContainEqual(
      expect.objectContaining({ type: 'status-changed', ip_address: null, user_agent: null }),
    );
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'sign-in', ip_address: expect.stringContaining('127.0.0.1') }),
    );
    expect(JSON.stringify(events)).not.toContain('of-the-admin');
  });

  it('contains each row of a long table once, oldest first', async () => {
    const busy = await signedIn(app);
    // Many rows with the same time, so that a page ends between them.
    await app.db.query(
      `INSERT INTO jobs (id, type, status, user_id, input, correlation_id, finished_at, created_at)
       SELECT gen_random_uuid(), 'of-old', 'completed', $1, '{}', 'x', now(), now() - n / 700 * interval '3 days'
       FROM generate_series(1, 2500) AS n`,
      [busy.user.id],
    );
    const jobId = await startExport(busy);
    await untilJob(app, jobId, 'completed');

    const exported = await unzipped(busy, jobId);

    const jobs = JSON.parse(exported['jobs.json']!) as { id: string; created_at: string }[];
    const createdAt = jobs.map(({ created_at }) => created_at);
    expect(exported['jobs.json']).toBe(`${JSON.stringify(jobs, null, 2)}\n`);
    expect(exported['jobs.csv']!.trim().split('\n')).toHaveLength(2_502);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(2_501);
    expect(createdAt).toEqual(createdAt.toSorted());
  });

  it('contains an empty list if there is no data', async () => {
    const newcomer = await signedIn(app);
    const jobId = await startExport(newcomer);
    await untilJob(app, jobId, 'completed');

    const exported = await unzipped(newcomer, jobId);

    expect([exported['mails.json'], exported['mails.csv']]).toEqual(['[]\n', '\n']);
  });

  it('allows five exports a day per user, counting retries', async () => {
    const limited = await app.startAnother({ RATE_LIMIT_FACTOR: '1' });
    const eager = await signedIn(app);
    const past = { type: 'user-export', userId: eager.user.id, status: 'completed' } as const;
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    await Promise.all(times(4, () => createJob(app, past)));
    await createJob(app, { ...past, createdAt: yesterday });

    const last = await eager.post('/v1/jobs', { type: 'user-export' }, limited);
    await untilJob(app, last.body.data.id, 'completed');
    const cancelled = await createJob(app, { ...past, status: 'cancelled', createdAt: new Date() });
    const rejected = [
      await eager.post('/v1/jobs', { type: 'user-export' }, limited),
      await eager.post(`/v1/jobs/${cancelled.id}/retry`, undefined, limited),
    ];

    expect(last.status).toBe(202);
    expect(rejected.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 'LIMIT_REACHED'],
      [409, 'LIMIT_REACHED'],
    ]);
  });

  it('contains no secret', async () => {
    const all = Object.values(files).join('\n');
    const [{ salt }] = await app.db.query('SELECT salt FROM sessions WHERE user_id = $1', [user.user.id]);

    expect(all).not.toMatch(/argon2|password_hash|salt|token_hash|rotation_counter/);
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      expect(all).not.toContain((salt as Buffer).toString(encoding));
    expect(all).not.toContain(await app.mailbox.token(user.user.email));
  });

  it('writes no formula into a CSV', () => {
    expect(files['profile.csv']).toContain(`"'=HYPERLINK(""x""), ""and"" more"`);
  });

  it('belongs to the user who starts it, also if the input names another user', async () => {
    const answer = await otherUser.post('/v1/jobs', { type: 'user-export', input: { userId: user.user.id } });

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  });

  it('returns its result to its owner', async () => {
    const jobId = await startExport(user);
    await untilJob(app, jobId, 'completed');

    expect((await otherUser.get(`/v1/jobs/${jobId}/result`)).status).toBe(404);
    expect((await app.http().get(`/v1/jobs/${jobId}/result`)).status).toBe(401);
  });

  it('keeps one stored export per user: a new one replaces it', async () => {
    const owner = await signedIn(app);
    const firstId = await startExport(owner);
    await untilJob(app, firstId, 'completed');
    const secondId = await startExport(owner);
    await untilJob(app, secondId, 'completed');

    expect((await owner.get(`/v1/jobs/${firstId}/result`)).status).toBe(404);
    expect((await owner.get(`/v1/jobs/${secondId}/result`)).status).toBe(200);
  });

  it('writes an audit event when an administrator downloads the export of another user', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const owner = await signedIn(app);
    const jobId = await startExport(owner);
    await untilJob(app, jobId, 'completed');

    await owner.get(`/v1/jobs/${jobId}/result`);
    await admin.get(`/v1/jobs/${jobId}/result`);

    const events = await app.db.query(
      `SELECT actor_id, data FROM audit_events WHERE type = 'job-result-downloaded' AND user_id = $1`,
      [owner.user.id],
    );
    expect(events).toEqual([{ actor_id: admin.user.id, data: { jobId, jobType: 'user-export' } }]);
  });

  it('is cancelled with its account', async () => {
    const leaver = await signedIn(app);
    const jobId = await startExport(leaver);

    await leaver.delete('/v1/users/me');

    const job = await untilJob(app, jobId, 'cancelled', 'failed', 'completed');
    const answer = await leaver.get(`/v1/jobs/${job.id}/result`);
    expect(answer.status).toBe(401);
  });
});

async function startExport(caller: SignedIn): Promise<string> {
  const { body } = await caller.post('/v1/jobs', { type: 'user-export', input: {} });
  return body.data.id;
}

/** The text of each file by name. */
async function unzipped(caller: SignedIn, jobId: string): Promise<Record<string, string>> {
  const { body } = await download(caller, jobId);
  const entries = Object.entries(unzipSync(new Uint8Array(body)));
  return Object.fromEntries(entries.map(([name, bytes]) => [name, strFromU8(bytes)]));
}

const download = (caller: SignedIn, jobId: string) =>
  caller
    .get(`/v1/jobs/${jobId}/result`)
    .buffer()
    .parse((response, done) => {
      const chunks: Buffer[] = [];
      const stream = response as unknown as IncomingMessage;
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => done(null, Buffer.concat(chunks)));
    });

/** A suspension revokes the sessions. */
async function signInAgain({ user: account }: SignedIn): Promise<SignedIn> {
  const { accessToken, refreshToken } = await login(app, account.email, 'correct horse battery');
  return new SignedIn(app, account, accessToken, refreshToken);
}

const table = (name: string): unknown => JSON.parse(files[`${name}.json`]!);
