import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PurgeService } from '../../src/platform/retention/purge.service.ts';
import { untilJob } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { createScripted, scriptedHandlers } from '../support/scripted-jobs.ts';
import { until } from '../support/until.ts';

let app: TestApp;
let purge: PurgeService;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  purge = app.workers[0]!.get(PurgeService);
});

afterAll(() => app.stop());

const count = async (table: string): Promise<number> => {
  const [row] = await app.db.query<{ count: number }[]>(`SELECT count(*)::int AS count FROM ${table}`);
  return row!.count;
};

describe('the hourly purge', () => {
  it('removes sessions a day after their absolute expiry, and keeps active ones', async () => {
    const old = await signedIn(app);
    const live = await signedIn(app);
    await app.db.query(`UPDATE sessions SET expires_at = now() - interval '25 hours' WHERE user_id = $1`, [
      old.user.id,
    ]);

    await purge.purge();

    expect(await app.db.query('SELECT user_id FROM sessions')).toEqual([{ user_id: live.user.id }]);
  });

  it('removes only accounts that were registered a week ago and never verified', async () => {
    const [abandoned, recent, verified, imported, mailed] = await Promise.all([
      createUser(app, { emailVerifiedAt: null }),
      createUser(app, { emailVerifiedAt: null }),
      createUser(app),
      createUser(app, { emailVerifiedAt: null }),
      createUser(app, { emailVerifiedAt: null }),
    ]);
    await app.http().post('/v1/auth/register').send({
      email: mailed.user.email,
      password: 'a long enough password',
      displayName: 'Again',
    });
    const old = [abandoned, verified, imported, mailed].map(({ user }) => user.id);
    await app.db.query(`UPDATE users SET created_at = now() - interval '8 days' WHERE id = ANY($1)`, [old]);
    await app.db.query('UPDATE users SET password_hash = NULL WHERE id = $1', [imported.user.id]);

    await purge.purge();

    const ids = [abandoned, recent, verified, imported, mailed].map(({ user }) => user.id);
    const left = await app.db.query<{ id: string }[]>('SELECT id FROM users WHERE id = ANY($1)', [ids]);
    expect(left.map(({ id }) => id).toSorted()).toEqual(ids.slice(1).toSorted());
  });

  it('removes files without a job a day after they were stored, and keeps those of jobs', async () => {
    const user = await signedIn(app);
    const { body } = await user.post('/v1/jobs', { type: 'user-export' });
    const ids = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'];
    for (const id of ids) {
      await app.db.query(
        `INSERT INTO job_files (id, name, media_type, created_at) VALUES ($1, 'x', 'text/csv', now() - interval '2 days')`,
        [id],
      );
    }
    await app.db.query('UPDATE job_files SET job_id = $1 WHERE id = $2', [body.data.id, ids[0]]);

    await purge.purge();

    const left = await app.db.query<{ id: string }[]>('SELECT id FROM job_files WHERE id = ANY($1)', [ids]);
    expect(left).toEqual([{ id: ids[0] }]);
  });

  it('continues with the other tables if one cannot be purged', async () => {
    await app.db.query(
      `CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$`,
    );
    await app.db.query(`CREATE TRIGGER reject BEFORE DELETE ON sessions EXECUTE FUNCTION reject()`);
    await app.db.query(
      `INSERT INTO job_files (id, name, media_type, created_at)
       VALUES (gen_random_uuid(), 'x', 'text/csv', now() - interval '2 days')`,
    );

    const removed = await purge.purge();

    expect(removed).toEqual({ job_files: 1 });
    await app.db.query(`DROP TRIGGER reject ON sessions`);
  });

  it('removes a backlog larger than one batch', async () => {
    await app.db.query(
      `INSERT INTO sign_in_throttles (key_hash, account_hash, failures, updated_at)
       SELECT sha256(n::text::bytea), '', 1, now() - interval '2 days' FROM generate_series(1, 12000) AS n`,
    );

    const removed = await purge.purge();

    expect(removed).toMatchObject({ sign_in_throttles: 12_000 });
    expect(await count('sign_in_throttles')).toBe(0);
  });
});

describe('a worker that shuts down during a purge', () => {
  it('releases its jobs without waiting for the purge', async () => {
    const settings = { SHUTDOWN_DEADLINE_SECONDS: '4' };
    const other = await TestApp.start({ handlers: scriptedHandlers, settings });
    await makeSlowToPurge(other);
    const isPurging = async () =>
      (
        await other.db.query(
          `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DELETE FROM mails%'
           AND datname = current_database()`,
        )
      ).length > 0;
    const job = await createScripted(other, () => new Promise(() => undefined));
    await other.startWorker();
    await untilJob(other, job.id, 'active');
    await until(isPurging, 'the purge to be at work');

    const closed = other.workers.pop()!.close();

    await untilJob(other, job.id, 'queued');
    expect(await isPurging()).toBe(true);
    await closed;
    await other.stop();
  });
});

/** Makes one batch take six seconds. */
async function makeSlowToPurge(other: TestApp): Promise<void> {
  const { user } = await createUser(other);
  await other.db.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN OLD; END $$`,
  );
  await other.db.query(`CREATE TRIGGER slow BEFORE DELETE ON mails FOR EACH ROW EXECUTE FUNCTION slow()`);
  await other.db.query(
    `INSERT INTO mails (id, user_id, template, recipient, created_at)
     SELECT gen_random_uuid(), $1, 'verify-email', 'a@example.com', now() - interval '1 year'
     FROM generate_series(1, 30)`,
    [user.id],
  );
}
