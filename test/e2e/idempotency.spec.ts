import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Test } from 'supertest';
import { createJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
});

beforeEach(async () => {
  user = await signedIn(app);
});

afterAll(() => app.stop());

const body = { type: 'user-export', input: {} };

const startJob = (key: string, { as = user, sends = body, on }: Start = {}): Test =>
  as.post('/v1/jobs', sends, on).set('idempotency-key', key);

interface Start {
  as?: SignedIn;
  sends?: object;
  on?: Program;
}

const jobsOf = ({ user: { id } }: SignedIn): Promise<{ id: string }[]> =>
  app.db.query('SELECT id FROM jobs WHERE user_id = $1 ORDER BY id', [id]);

describe('a request with an Idempotency-Key', () => {
  it('gets the stored response when it is repeated, and has one effect', async () => {
    const key = randomUUID();
    const first = await startJob(key);

    const repeated = await startJob(key);

    expect(first.status).toBe(202);
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect(repeated.headers['idempotency-replayed']).toBe('true');
    expect([repeated.status, repeated.body, repeated.headers['location']]).toEqual([
      202,
      first.body,
      first.headers['location'],
    ]);
    expect(await jobsOf(user)).toHaveLength(1);
  });

  it('ignores the order of properties in the body', async () => {
    const key = randomUUID();
    const first = await startJob(key);

    const reordered = await startJob(key, { sends: { input: body.input, type: body.type } });

    expect(reordered.body).toEqual(first.body);
  });

  it('is rejected when the key was sent with another body', async () => {
    const key = randomUUID();
    await startJob(key);

    const other = await startJob(key, { sends: { type: body.type } });

    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect(await jobsOf(user)).toHaveLength(1);
  });

  it('shares its key with no other caller and no other route', async () => {
    const key = randomUUID();
    const otherUser = await signedIn(app);
    const failed = await createJob(app, { userId: user.user.id, status: 'failed' });
    const [mine, theirs] = [await startJob(key), await startJob(key, { as: otherUser })];

    const retry = await user.post(`/v1/jobs/${failed.id}/retry`).set('idempotency-key', key);

    expect([mine.status, theirs.status, retry.status]).toEqual([202, 202, 202]);
    expect(theirs.body.data.id).not.toBe(mine.body.data.id);
    expect(retry.body.data.id).toBe(failed.id);
  });

  it.each([
    ['is empty', ''],
    ['is too long', 'x'.repeat(256)],
    ['is not ASCII', 'clé'],
  ])('is rejected when its key %s', async (_, key) => {
    const response = await user
      .post('/v1/jobs', body)
      .set('idempotency-key', Buffer.from(key, 'utf8').toString('latin1'));

    expect([response.status, response.body.code]).toEqual([400, 'INVALID_IDEMPOTENCY_KEY']);
  });

  it('gets the stored error when the first request failed with 4xx', async () => {
    const job = await createJob(app, { userId: user.user.id, status: 'completed' });
    const retry = () => user.post(`/v1/jobs/${job.id}/retry`).set('idempotency-key', 'retry-1');
    const first = await retry();
    await app.db.query(`UPDATE jobs SET status = 'failed' WHERE id = $1`, [job.id]);

    const repeated = await retry();

    expect([first.status, first.body.code]).toEqual([409, 'JOB_NOT_RETRYABLE']);
    expect([repeated.status, repeated.body.code, repeated.body.detail]).toEqual([
      409,
      'JOB_NOT_RETRYABLE',
      first.body.detail,
    ]);
    expect(repeated.headers['idempotency-replayed']).toBe('true');
  });

  it('runs again when the first request failed with 5xx, of which nothing is stored', async () => {
    const key = randomUUID();
    await rejectInserts();
    const failed = await startJob(key);
    await allowInserts();

    const repeated = await startJob(key);

    expect([failed.status, repeated.status]).toEqual([500, 202]);
    expect(repeated.headers).not.toHaveProperty('idempotency-replayed');
  });

  it('runs again after 24 hours', async () => {
    const key = randomUUID();
    const first = await startJob(key);
    await app.db.query(
      `UPDATE idempotency_keys SET created_at = now() - interval '24 hours' WHERE key = $1`,
      [key],
    );

    const later = await startJob(key);

    expect(later.body.data.id).not.toBe(first.body.data.id);
    expect((await startJob(key)).body).toEqual(later.body);
  });
});

describe('concurrent requests with one Idempotency-Key', () => {
  it('have one effect, also on three instances', async () => {
    const instances = [undefined, await app.startAnother(), await app.startAnother()];
    const key = randomUUID();

    const responses = await Promise.all(
      times(50, (index) => startJob(key, { on: instances[index % instances.length]! })),
    );

    const [job, ...others] = await jobsOf(user);
    expect(others).toEqual([]);
    const rejected = responses.filter(({ status }) => status !== 202);
    const accepted = responses.filter(({ status }) => status === 202);
    expect(new Set(accepted.map((response) => response.body.data.id))).toEqual(new Set([job!.id]));
    expect(rejected.map((response) => response.body.code)).toEqual(
      rejected.map(() => 'IDEMPOTENCY_IN_PROGRESS'),
    );
    expect(
      responses.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length,
    ).toBeGreaterThan(0);
  });

  it('get 409 with Retry-After while the first request is running', async () => {
    const key = randomUUID();
    const client = await holdStores(app);
    const first = startJob(key).then((response) => response);
    await untilStoreWaits();

    const second = await startJob(key);
    await client.release();

    expect([second.status, second.body.code, second.headers['retry-after']]).toEqual([
      409,
      'IDEMPOTENCY_IN_PROGRESS',
      '1',
    ]);
    expect((await first).status).toBe(202);
  });

  it('leave neither an effect nor a stored response when the process is killed before the commit', async () => {
    const key = randomUUID();
    const other = await app.startAnother();
    const lock = await holdStores(app);
    const cut = startJob(key, { on: other }).then(
      () => 'response',
      () => 'cut off',
    );
    await untilStoreWaits();

    await other.end('SIGKILL');
    await lock.release();

    expect(await cut).toBe('cut off');
    const repeated = await until(async () => {
      const response = await startJob(key);
      return response.status === 202 && response;
    }, 'Postgres to end the transaction of the killed process');
    expect(repeated.headers).not.toHaveProperty('idempotency-replayed');
    expect(await jobsOf(user)).toEqual([{ id: repeated.body.data.id }]);
  });
});

describe('an import with an Idempotency-Key', () => {
  const upload = (admin: SignedIn, key: string, csv: string): Test =>
    admin
      .post('/v1/users/imports')
      .set('idempotency-key', key)
      .type('text/csv')
      .send(csv as never);

  it('starts once for the same file, and is rejected for another one', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const csv = `email,displayName\n${randomUUID()}@example.com,Ada\n`;
    const first = await upload(admin, 'import', csv);

    const repeated = await upload(admin, 'import', csv);
    const other = await upload(admin, 'import', `${csv}${randomUUID()}@example.com,Bob\n`);

    expect([first.status, repeated.status, other.status]).toEqual([202, 202, 422]);
    expect([repeated.body, repeated.headers['location']]).toEqual([first.body, first.headers['location']]);
    expect(other.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const files = await app.db.query(
      `SELECT 1 FROM job_files WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE input_file_id = job_files.id)`,
    );
    expect(files).toEqual([]);
  });
});

const rejectInserts = () =>
  app.db.query(`
    CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'rejected by the test'; END $$;
    CREATE TRIGGER reject BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION reject()`);

const allowInserts = () => app.db.query(`DROP FUNCTION reject CASCADE`);

/** Makes every request wait after its effect and before its response is stored. */
async function holdStores({ db }: TestApp) {
  const runner = db.createQueryRunner();
  await runner.startTransaction();
  await runner.query('LOCK TABLE idempotency_keys IN SHARE MODE');
  const release = async () => {
    await runner.rollbackTransaction();
    await runner.release();
  };
  return { release };
}

const untilStoreWaits = () =>
  until(async () => {
    const waiting = await app.db.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE 'INSERT INTO idempotency_keys%'`,
    );
    return waiting.length > 0;
  }, 'a request to wait before it stores its response');
