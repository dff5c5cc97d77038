import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { untilJob } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn } from '../support/client.ts';
import { accountsOf, importFile, reportOf, startImport } from '../support/imports.ts';
import { backends } from '../support/queue-data.ts';
import { times, until } from '../support/until.ts';

const TAKEN = 'An account with this email exists.';
const DUPLICATE = 'An earlier line of the file has the same email.';
const NO_ADDRESS = 'This is not a valid email.';
const BAD_NAME = 'The name must be one line of 1 to 100 characters.';
const BAD_ROLE = 'There is no role with this name.';
const MALFORMED = 'The line has broken quotes or another number of columns than the header.';

describe.each(backends)('an import on %s', (backend) => {
  let app: TestApp;
  let admin: SignedIn;

  beforeAll(async () => {
    app = await TestApp.start({ backend, worker: true });
    admin = await signedIn(app, { role: 'admin' });
  });

  afterAll(() => app.stop());

  it('creates accounts without a password or verified email, and sends no mail', async () => {
    const csv = 'email,displayName,role\nnew1@example.com,"Doe, Jane",admin\nNEW2@example.com,Zoë,\n';

    const { result } = await importFile(app, admin, csv);

    const users = await app.db.query(
      `SELECT email, display_name, role, status, password_hash, email_verified_at FROM users
       WHERE starts_with(email, 'new') ORDER BY email`,
    );
    const blank = { status: 'active', password_hash: null, email_verified_at: null };
    expect(result).toEqual({ imported: 2, failed: 0 });
    expect(users).toEqual([
      { email: 'new1@example.com', display_name: 'Doe, Jane', role: 'admin', ...blank },
      { email: 'new2@example.com', display_name: 'Zoë', role: 'user', ...blank },
    ]);
    expect(await app.db.query('SELECT 1 FROM mails')).toEqual([]);
  });

  it('reports the line number, email and reason of every rejected line', async () => {
    await createUser(app, { email: 'taken@example.com' });
    const csv = [
      'email,displayName,role',
      'l2@example.com,Two,user',
      'no-address,Three,user',
      'taken@example.com,Four,user',
      'l2@example.com,Five,user',
      'L2@Example.com,Six,user',
      'l7@example.com,,user',
      `l8@example.com,${'x'.repeat(101)},user`,
      'l9@example.com,Nine,root',
      'l10@example.com,Ten',
      'l11@example.com,Eleven,user,more',
      'l12@example.com,"never closed,user',
      '',
      '"l14@example.com","Four""teen","user"',
      'l15@example.com,"two',
      'lines",user',
      '=1+1,Seventeen,user',
      'l18@example.com,Eighteen,user',
    ].join('\r\n');

    const { status, result, rejected } = await importFile(app, admin, csv);

    expect({ status, result }).toEqual({ status: 'completed', result: { imported: 3, failed: 12 } });
    expect(rejected).toEqual([
      `3,no-address,EMAIL_INVALID,${NO_ADDRESS}`,
      `4,taken@example.com,EMAIL_TAKEN,${TAKEN}`,
      `5,l2@example.com,EMAIL_DUPLICATE,${DUPLICATE}`,
      `6,L2@Example.com,EMAIL_DUPLICATE,${DUPLICATE}`,
      `7,l7@example.com,DISPLAY_NAME_INVALID,${BAD_NAME}`,
      `8,l8@example.com,DISPLAY_NAME_INVALID,${BAD_NAME}`,
      `9,l9@example.com,ROLE_INVALID,${BAD_ROLE}`,
      `10,l10@example.com,MALFORMED,${MALFORMED}`,
      `11,l11@example.com,MALFORMED,${MALFORMED}`,
      `12,,MALFORMED,${MALFORMED}`,
      `15,l15@example.com,DISPLAY_NAME_INVALID,${BAD_NAME}`,
      `17,'=1+1,EMAIL_INVALID,${NO_ADDRESS}`,
    ]);
    const accounts = await accountsOf(app, 'l');
    expect(accounts).toEqual({ 'l2@example.com': 1, 'l14@example.com': 1, 'l18@example.com': 1 });
  });

  it('distinguishes duplicates in the file from existing emails, also across batches', async () => {
    const emails = times(1_200, (n) => `far${n}@example.com`);
    const csv = ['email,displayName', ...[...emails, 'far3@example.com'].map((email) => `${email},F`)].join(
      '\n',
    );

    const first = await importFile(app, admin, csv);
    const second = await importFile(app, admin, csv);

    expect([first.result, first.rejected]).toEqual([
      { imported: 1_200, failed: 1 },
      [`1202,far3@example.com,EMAIL_DUPLICATE,${DUPLICATE}`],
    ]);
    expect(second.result).toEqual({ imported: 0, failed: 1_201 });
    expect(new Set(second.rejected.map((line) => line.split(',')[2]))).toEqual(new Set(['EMAIL_TAKEN']));
    expect(Object.values(await accountsOf(app, 'far'))).toEqual(times(1_200, () => 1));
  });

  it('counts and reports each line once when Postgres aborts the transaction of a batch', async () => {
    await createUser(app, { email: 'once-taken@example.com' });
    await abortFirstCheckpoint(app);
    const csv = 'email,displayName\nonce1@example.com,A\nonce-taken@example.com,B\nonce2@example.com,C\n';

    const { result, rejected } = await importFile(app, admin, csv);
    const [{ aborts }] = await app.db.query('SELECT last_value::int AS aborts FROM aborts');
    await app.db.query('DROP FUNCTION abort_once CASCADE');

    expect(aborts).toBeGreaterThan(1);
    expect(result).toEqual({ imported: 2, failed: 1 });
    expect(rejected).toEqual([`3,once-taken@example.com,EMAIL_TAKEN,${TAKEN}`]);
  });

  it('completes with an empty report when there is only a header', async () => {
    const { status, result, rejected } = await importFile(app, admin, '\uFEFFemail,displayName\r\n');

    expect({ status, result, rejected }).toEqual({
      status: 'completed',
      result: { imported: 0, failed: 0 },
      rejected: [],
    });
  });

  it('continues after a line that is longer than any record', async () => {
    const csv = `email,displayName\n${'x'.repeat(3_000_000)}\n"${'y'.repeat(3_000_000)}\nz1@example.com,Z\n`;

    const { result, rejected } = await importFile(app, admin, csv);

    expect(result).toEqual({ imported: 1, failed: 2 });
    expect(rejected.map((line) => line.slice(0, 12))).toEqual(['2,,MALFORMED', '3,,MALFORMED']);
  });

  it('keeps and counts imported rows when it is cancelled, and continues on a retry', async () => {
    const count = 30_000;
    const csv = `email,displayName\n${times(count, (n) => `stop${n}@example.com,S\n`).join('')}`;
    const id = await startImport(admin, csv);
    await until(async () => {
      const { body } = await admin.get(`/v1/jobs/${id}`);
      return body.data.result?.imported > 0;
    }, 'the first batch');

    await admin.post(`/v1/jobs/${id}/cancel`);
    const { result } = (await untilJob(app, id, 'cancelled')) as { result: { imported: number } };
    const accounts = Object.keys(await accountsOf(app, 'stop')).length;
    const report = await admin.get(`/v1/jobs/${id}/result`);
    await admin.post(`/v1/jobs/${id}/retry`);
    const done = await untilJob(app, id, 'completed');

    expect(result).toEqual({ imported: accounts, failed: 0 });
    expect(accounts).toBeLessThan(count);
    expect([report.status, report.body.code]).toEqual([404, 'NOT_FOUND']);
    expect(done.result).toEqual({ imported: count, failed: 0 });
    expect(await reportOf(admin, id)).toEqual(['line,email,code,message']);
    expect(Object.values(await accountsOf(app, 'stop'))).toEqual(times(count, () => 1));
  });
});

describe('two parallel imports of overlapping emails', () => {
  it('create each account in exactly one of them', async () => {
    const app = await TestApp.start({ worker: true });
    await app.startWorker();
    const admin = await signedIn(app, { role: 'admin' });
    const lines = (from: number) =>
      `email,displayName\n${times(20_000, (n) => `both${from + n}@example.com,B\n`).join('')}`;

    // Both process the shared emails at the same time, in opposite order.
    const backwards = lines(10_000).split('\n').filter(Boolean);
    const reversed = [backwards[0], ...backwards.slice(1).toReversed(), ''].join('\n');
    const ids = await Promise.all([startImport(admin, lines(0)), startImport(admin, reversed)]);
    const jobs = await Promise.all(ids.map((id) => untilJob(app, id, 'completed', 'failed')));

    const results = jobs.map(({ result }) => result as { imported: number; failed: number });
    expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual(times(2, () => ['completed', 1]));
    expect(results.map(({ imported, failed }) => imported + failed)).toEqual([20_000, 20_000]);
    expect(results.reduce((sum, { imported }) => sum + imported, 0)).toBe(30_000);
    expect(Object.values(await accountsOf(app, 'both'))).toEqual(times(30_000, () => 1));
    await app.stop();
  });
});

describe('an import of a user who is no longer an administrator', () => {
  it('creates no accounts after the deletion of the user, before the job is cancelled', async () => {
    const app = await TestApp.start();
    const admin = await signedIn(app, { role: 'admin' });
    const id = await startImport(admin, 'email,displayName\nlate@example.com,L\n');
    await app.db.query('UPDATE users SET deleted_at = now() WHERE id = $1', [admin.user.id]);

    await app.startWorker();

    expect(await untilJob(app, id, 'completed', 'failed')).toMatchObject({ errorCode: 'NOT_ALLOWED' });
    expect(await accountsOf(app, 'late')).toEqual({});
    await app.stop();
  });

  it('creates no accounts, although the user can retry it', async () => {
    const app = await TestApp.start();
    const [boss, admin] = [await signedIn(app, { role: 'admin' }), await signedIn(app, { role: 'admin' })];
    const id = await startImport(admin, 'email,displayName,role\naccomplice@example.com,A,admin\n');
    await admin.post(`/v1/jobs/${id}/cancel`);
    await boss.patch(`/v1/users/${admin.user.id}`, { role: 'user' });
    const { accessToken } = await login(app, admin.user.email, 'correct horse battery');

    const retried = await app
      .http()
      .post(`/v1/jobs/${id}/retry`)
      .set('authorization', `Bearer ${accessToken}`);
    await app.startWorker();

    expect(retried.status).toBe(202);
    expect(await untilJob(app, id, 'completed', 'failed')).toMatchObject({ errorCode: 'NOT_ALLOWED' });
    expect(await accountsOf(app, 'accomplice')).toEqual({});
    await app.stop();
  });
});

/** Simulates a deadlock (40P01) in the first batch. A sequence keeps its value when the transaction rolls back. */
async function abortFirstCheckpoint(app: TestApp): Promise<void> {
  await app.db.query(`CREATE SEQUENCE aborts`);
  await app.db.query(`CREATE FUNCTION abort_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('aborts') = 1 THEN RAISE EXCEPTION 'simulated' USING ERRCODE = '40P01'; END IF;
    RETURN NEW;
  END $$`);
  await app.db.query(`CREATE TRIGGER abort_once BEFORE UPDATE OF checkpoint ON jobs FOR EACH ROW
    WHEN ((NEW.checkpoint->>'line')::int > 1) EXECUTE FUNCTION abort_once()`);
}
