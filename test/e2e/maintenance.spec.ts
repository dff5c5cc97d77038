import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PurgeService } from '../../src/maintenance/purge.service.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';

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
  it('removes sessions a day after their absolute end, and leaves live ones', async () => {
    const old = await signedIn(app);
    const live = await signedIn(app);
    await app.db.query(`UPDATE sessions SET expires_at = now() - interval '25 hours' WHERE user_id = $1`, [
      old.user.id,
    ]);

    await purge.purge();

    expect(await app.db.query('SELECT user_id FROM sessions')).toEqual([{ user_id: live.user.id }]);
  });

  it('removes files that no job has a day after they were stored, and keeps those of jobs', async () => {
    const someone = await signedIn(app);
    const { body } = await someone.post('/v1/jobs', { type: 'user-export' });
    const ids = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'];
    for (const id of ids) {
      await app.db.query(
        `INSERT INTO job_files (id, name, media_type, created_at) VALUES ($1, 'x', 'text/csv', now() - interval '2 days')`,
        [id],
      );
    }
    await app.db.query('UPDATE jobs SET input_file_id = $2 WHERE id = $1', [body.data.id, ids[0]]);

    await purge.purge();

    const left = await app.db.query<{ id: string }[]>('SELECT id FROM job_files WHERE id = ANY($1)', [ids]);
    expect(left).toEqual([{ id: ids[0] }]);
  });

  it('removes what is left of a backlog larger than one batch', async () => {
    await app.db.query(
      `INSERT INTO sign_in_throttles (account_hash, failures, updated_at)
       SELECT sha256(n::text::bytea), 1, now() - interval '2 days' FROM generate_series(1, 12000) AS n`,
    );

    const removed = await purge.purge();

    expect(removed).toMatchObject({ sign_in_throttles: 12_000 });
    expect(await count('sign_in_throttles')).toBe(0);
  });
});
